"""Deployment files: what they say, and what is refused with file, key, value seen and value wanted."""

from __future__ import annotations

from pathlib import Path

import pytest
from deployment_files import write
from prefect_service import CHECKOUT

from deployments.files import read_all
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
