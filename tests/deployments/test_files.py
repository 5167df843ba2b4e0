"""Deployment files: what they say, and what is refused with file, key, value seen and value wanted."""

from __future__ import annotations

from pathlib import Path

import pytest
from deployment_files import write
from prefect_service import CHECKOUT

from deployments.files import read_all
from deployments.prefect_yaml import read_common
from deployments.state import wanted
from soct_core.errors import DeploymentError


def test_what_the_repository_holds_is_valid_and_runs_nothing_by_itself() -> None:
    shipped = read_all(CHECKOUT / "deployments", CHECKOUT)
    assert shipped
    assert not any(one.enabled for one in shipped)


def test_a_file_is_named_after_itself_and_its_paths_start_from_the_checkout(folder: Path) -> None:
    write(folder, "mouse-1.toml", 'output = "~/out"\n[settings.interpolation]\nmax_iterations = 50')
    (one,) = read_all(folder, Path("/checkout"))
    assert (one.name, one.acquisition) == ("mouse-1", Path("/checkout/mouse-1"))
    assert one.output == Path("~/out").expanduser()
    assert one.settings.interpolation.max_iterations == 50
    assert one.settings.interpolation.overlap_search_window == 5


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("enabled = 7", r"setting 'enabled': got 7, wanted a valid boolean"),
        ("enbled = true", r"setting 'enbled' is unknown"),
        ('name = "a/b"', r"setting 'name': got 'a/b', wanted"),
        ("voxel_size_um = [1.0, 2.0]", r"setting 'voxel_size_um.2' is missing"),
        (
            "[settings.pairwise]\nmax_iterations = 1",
            r"'settings.pairwise.max_iterations': got 1, .* 4",
        ),
        ('[schedule]\ncron = "hourly?"', r"setting 'schedule.cron': got 'hourly\?', wanted five cron fields"),
        ('[schedule]\ncron = "*/5 0 * * * *"', r"'schedule.cron': got '.*' with 6 fields, wanted five"),
        ('[schedule]\ncron = "0 0 31 2 *"', r"'schedule.cron': got '0 0 31 2 \*', which never comes"),
        (
            '[schedule]\ncron = "0 * * * *"\ntimezone = "Mars"',
            r"'schedule.timezone': got 'Mars', .* IANA",
        ),
        ("[schedule]", r"setting 'schedule.cron' is missing"),
        ('[assess.schedule]\ncron = "0 0 31 2 *"', r"setting 'assess.schedule.cron': got .* never comes"),
        ("[assess]\nexclude = 1", r"setting 'assess.exclude': got 1, wanted a valid boolean"),
        ("= 3", r"is not TOML"),
    ],
)
def test_a_fault_names_file_key_and_values(folder: Path, text: str, fault: str) -> None:
    write(folder, "good.toml")
    file = write(folder, "bad.toml", text)
    with pytest.raises(DeploymentError, match=fault) as raised:
        read_all(folder, Path("/checkout"))
    assert str(raised.value).startswith(f"{file}: ")
    assert str(raised.value).count(str(file)) == 1


def test_every_broken_file_is_told_at_once(folder: Path) -> None:
    for name in ("a.toml", "b.toml"):
        write(folder, name, "enabled = 7")
    with pytest.raises(DeploymentError, match=r"a\.toml: .*; .*b\.toml: "):
        read_all(folder, Path("/checkout"))


def test_two_files_share_neither_name_nor_output(folder: Path) -> None:
    write(folder, "a.toml")
    write(folder, "b.toml", 'name = "a"')
    with pytest.raises(DeploymentError, match=r"a\.toml, .*b\.toml: name 'a' is there 2 times, wanted once"):
        read_all(folder, Path("/checkout"))
    write(folder, "b.toml", 'output = "a/reconstruction"')
    with pytest.raises(DeploymentError, match=r"a\.toml, .*b\.toml: output '/checkout/a/reconstruction'"):
        read_all(folder, Path("/checkout"))
    write(folder, "a.toml", "[assess]")
    write(folder, "b.toml", '[assess]\noutput = "a/quality"')
    with pytest.raises(DeploymentError, match=r"a\.toml, .*b\.toml: assess.output '/checkout/a/quality'"):
        read_all(folder, Path("/checkout"))


def test_a_section_of_the_file_asks_for_an_assessment(folder: Path) -> None:
    text = """
        shifts = "s.csv"
        allow_missing = true
        [schedule]
        cron = "0 * * * *"
        [assess]
        exclude = true
        [assess.settings]
        exclude_below = 0.1
    """
    write(folder, "mouse-1.toml", text)
    (one,) = read_all(folder, Path("/checkout"))
    forms = {"reconstruct": {"a": 1}, "assess": {"b": 2}}
    run, scores = wanted(one, read_common(CHECKOUT), Path("/checkout"), forms)
    assert (run.flow, run.cron, run.entrypoint) == (
        "reconstruct",
        "0 * * * *",
        "flows/reconstruct/flow.py:reconstruct",
    )
    assert set(run.parameters) == {"acquisition", "shifts", "allow_missing"}
    assert (scores.flow, scores.name, scores.cron) == ("assess", "mouse-1", None)
    assert (scores.entrypoint, scores.form) == ("flows/assess/flow.py:assess", {"b": 2})
    assert scores.parameters == {
        "acquisition": "/checkout/mouse-1",
        "shifts": "/checkout/s.csv",
        "exclude": True,
        "settings": {"exclude_below": 0.1},
        "slice_config_out": "/checkout/mouse-1/scored.csv",
    }
