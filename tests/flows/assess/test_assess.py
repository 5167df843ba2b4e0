"""`flows.assess`: scores in the config, a page beside it; what is known is not measured again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_page import parsed

import flows.engine.prefect_environment  # noqa: F401  (before Prefect)
from flows.assess.__main__ import main
from flows.assess.unchanged import Asked, result_if_unchanged
from flows.terminal.listener import listener
from schemas.assessment import AssessResult
from schemas.quality import QualitySettings, SliceQuality
from schemas.simulation import SimulationSettings
from schemas.validate import faults_of
from soct_core import slice_config
from soct_core.errors import BadInputError, SliceConfigError, StageFailedError
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image

BAD, SLICES = 3, tuple(range(6))
Assess = Callable[..., AssessResult]


class Heard:
    """Listens to a run, and keeps what became of each task run."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.warnings: list[str] = []

    def stage(self, name: str, total: int) -> None:
        return

    def done(self, name: str, state: str, seconds: float, reason: str, *, hard_skip: bool) -> None:
        self.states[name] = state

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    @property
    def executed(self) -> set[str]:
        return {name for name, state in self.states.items() if state != "Cached"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an acquisition of a phantom, one slice of it noise; changes stay from test to test."""
    folder = tmp_path_factory.mktemp("assess")
    settings = SimulationSettings(drift_px=2.0, seed=3)
    phantom = PhantomVolume(Phantom.seeded(7), (len(SLICES) * 4, 80, 96), (50.0, 75.0, 75.0))
    simulate(phantom, (50.0, 75.0, 75.0), settings, folder / "mouse", "phantom")
    spoil(folder / "mouse", BAD)
    return folder


@pytest.fixture(scope="module")
def assess(prefect_server: None) -> Iterator[Assess]:
    """The flow, on threads: this process is the only one that can be watched."""
    from flows.assess import assess as flow
    from flows.engine.runners import task_runner

    with pytest.MonkeyPatch.context() as patch:
        # The memo would not believe files as young as these.
        patch.setattr("soct_core.storage.fingerprint_memo.TICK_NS", 0)
        yield flow.with_options(task_runner=task_runner("threads", 2))


def heard(assess: Assess, *given: Path, **options: object) -> tuple[AssessResult, Heard]:
    ears = Heard()
    token = listener.set(ears)
    try:
        return assess(*given, **options), ears
    finally:
        listener.reset(token)


def slice_of(acquisition: Path, slice_id: int) -> Path:
    return acquisition / f"slice_z{slice_id:02d}.ome.zarr"


def spoil(acquisition: Path, slice_id: int) -> None:
    volume = open_volume(slice_of(acquisition, slice_id))
    noise = np.random.default_rng(slice_id).gamma(4.0, 400.0, volume.shape)
    shutil.rmtree(slice_of(acquisition, slice_id))
    write_image(slice_of(acquisition, slice_id), noise.astype(volume.dtype), volume.voxel_size_um)


def test_scores_page_and_diagnostics(assess: Assess, world: Path) -> None:
    acquisition, out = world / "mouse", world / "scored.csv"
    config = acquisition / "slice_config.csv"
    slice_config.stamp(config, world / "in.csv", 2, galvo_confidence=0.25, mine="x")
    (world / "in.csv").replace(config)
    result, ears = heard(assess, acquisition, out)
    assert set(ears.states.values()) == {"Completed"}
    named = {f"{verb} z{i:02d}" for verb in ("measure", "assess") for i in SLICES}
    assert named | {"compare z02-z03", "compare z02-z04", "quality page"} <= ears.executed
    table = slice_config.read(out).set_index("slice_id")
    assert table.loc[BAD, "quality_score"] < 0.1
    assert table.drop(index=BAD)["quality_score"].min() > 0.7
    assert table["auto_excluded"].isna().all()
    assert (table.loc[2, "galvo_confidence"], table.loc[2, "mine"]) == (0.25, "x")
    found = SliceQuality.model_validate_json(
        (acquisition / "quality" / "slices" / "slice_z03_quality.json").read_bytes()
    )
    assert found.below_limit
    assert any("unlike slice" in reason for reason in found.reasons)
    documents = [*(acquisition / "quality").glob("slices/*_[qf]*.json")]
    documents += (acquisition / "quality").glob("pairs/*_figures.json")
    assert [fault for path in documents for fault in faults_of(path)] == []
    page = parsed(result.page.read_text())
    assert page.all("article")[0].attributes["id"] == "slice-03"
    assert all(image.attributes["src"].startswith("data:") for image in page.all("img"))
    assert page.all("script") == []


def known(world: Path, out: str, **options: Any) -> AssessResult | None:
    given = {"settings": QualitySettings(), "voxel_size_um": None, "shifts": None, "exclude": False} | options
    request = Asked(Asked.places_of(world / "mouse", None), world / out, **given)
    return result_if_unchanged(request, "the command", overwrite=False)


def test_nothing_new_is_known_without_a_server(assess: Assess, world: Path) -> None:
    result, _ = heard(assess, world / "mouse", world / "scored.csv")
    (world / "scored.csv").unlink()
    assert known(world, "scored.csv") == result
    assert known(world, "another.csv") == result.model_copy(update={"config": world / "another.csv"})
    assert (world / "another.csv").read_bytes() == (world / "scored.csv").read_bytes()
    assert known(world, "scored.csv", exclude=True) is None
    assert known(world, "scored.csv", settings=QualitySettings(exclude_below=0.1)) is None
    (world / "another.csv").write_text("slice_id,use\n01,true\n")
    assert known(world, "another.csv") is None
    assert (world / "another.csv").read_text() == "slice_id,use\n01,true\n"
    page = result.page.read_bytes()
    result.page.write_bytes(b"x")
    assert known(world, "scored.csv") is None
    result.page.write_bytes(page)
    assert known(world, "scored.csv") == result


def test_nothing_new_is_nothing_done_and_exclusion_measures_nothing(assess: Assess, world: Path) -> None:
    acquisition = world / "mouse"
    _, ears = heard(assess, acquisition, world / "scored.csv")
    assert set(ears.states.values()) == {"Cached"}
    result, ears = heard(assess, acquisition, world / "excluded.csv", exclude=True)
    assert ears.executed == {"quality page"}
    assert result.excluded == (BAD,)
    row = slice_config.read(world / "excluded.csv").set_index("slice_id").loc[BAD]
    assert row["auto_excluded"]
    assert row["auto_exclude_reason"].startswith("assess: score 0")
    lax = QualitySettings(exclude_below=0.0)
    result, ears = heard(assess, acquisition, world / "lax.csv", exclude=True, settings=lax)
    assert ears.executed == {"quality page", *(f"assess z{i:02d}" for i in SLICES)}
    assert result.excluded == ()


def test_only_what_an_assessment_left_is_replaced(assess: Assess, world: Path) -> None:
    acquisition, mine, out = world / "mouse", world / "mine.csv", world / "scored.csv"
    mine.write_text("slice_id,use\n01,true\n")
    with pytest.raises(SliceConfigError, match="was not left by this command"):
        assess(acquisition, mine)
    with pytest.raises(SliceConfigError, match="in place"):
        assess(acquisition, acquisition / "slice_config.csv")
    with pytest.raises(SliceConfigError, match=r"ends in \.csv"):
        assess(acquisition, slice_of(acquisition, 1))
    assert mine.read_text() == "slice_id,use\n01,true\n"
    out.write_text(out.read_text() + "12,true,,,,,,,,,,,,\n")
    with pytest.raises(SliceConfigError, match="was not left by this command"):
        assess(acquisition, out)
    assess(acquisition, out, overwrite=True)
    assert "12,true" not in out.read_text()


def test_a_changed_slice_costs_itself_and_its_neighbours(assess: Assess, world: Path) -> None:
    acquisition = world / "mouse"
    spoil(acquisition, 5)
    _, ears = heard(assess, acquisition, world / "scored.csv")
    measured = {name for name in ears.executed if not name.startswith(("assess", "quality"))}
    assert measured == {"measure z05", *(f"compare z{i:02d}-z05" for i in (1, 2, 3, 4))}
    assert "assess z05" in ears.executed
    scores = slice_config.read(world / "scored.csv").set_index("slice_id")["quality_score"]
    # Noise shows no tissue, and at an end none is missed: it cannot be told from the end of the specimen.
    assert scores.isna()[5]
    assert scores.drop(index=[BAD, 5]).min() > 0.6


def test_a_slice_that_cannot_be_read_fails_alone(assess: Assess, world: Path) -> None:
    acquisition = world / "mouse"
    chunk = next(path for path in sorted(slice_of(acquisition, 0).rglob("c/**/*")) if path.is_file())
    chunk.write_bytes(b"not a chunk")
    before = (world / "scored.csv").read_text()
    ears = Heard()
    token = listener.set(ears)
    try:
        with pytest.raises((BadInputError, StageFailedError)):
            assess(acquisition, world / "scored.csv")
    finally:
        listener.reset(token)
    failed = {name for name, state in ears.states.items() if state not in ("Completed", "Cached")}
    assert failed == {"measure z00"}
    assert (world / "scored.csv").read_text() == before


def test_a_slice_that_is_not_used_need_not_be_readable(assess: Assess, world: Path) -> None:
    acquisition = world / "mouse"
    slice_config.stamp(acquisition / "slice_config.csv", world / "in.csv", 0, use=False)
    (world / "in.csv").replace(acquisition / "slice_config.csv")
    (slice_of(acquisition, 0) / "zarr.json").write_text("{")
    result, ears = heard(assess, acquisition, world / "scored.csv")
    assert [one.slice_id for one in result.slices] == [i for i in SLICES if i != 0]
    assert ears.warnings[0].startswith("slice 00, which is not used, is not assessed")
    assert not (acquisition / "quality" / "slices" / "slice_z00_quality.json").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nowhere", "--slice-config-out", "x.csv"], "no such directory"),
        ([".", "--slice-config-out", "x.csv"], "holds no slice_z"),
        ([".", "--slice-config-out", "x.csv", "--set", "blur_tolerance=1"], "unknown"),
        ([".", "--slice-config-out", "x.csv", "--set", "exclude_below=2"], "less than or equal to 1"),
        ([".", "--slice-config-out", "x.csv", "--workers", "0"], "wanted 1 at least"),
    ],
)
def test_bad_input_is_one_line_and_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(given) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_help_does_not_wait_for_prefect() -> None:
    code = "import sys, flows.assess.__main__ as m; m.parser(); print('prefect' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_deployment_form_can_be_made() -> None:
    from prefect.utilities.callables import parameter_schema

    from flows.assess import assess as flow

    properties = parameter_schema(flow.fn).properties
    assert {"acquisition", "slice_config_out", "exclude", "settings"} <= set(properties)
