"""One thing changes at a time, and exactly the tasks that depend on it run again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from flows.engine import tasks
from schemas.handoffs import RunResult
from schemas.run_record import RunRecord
from schemas.settings import ReconstructSettings
from schemas.simulation import SimulationSettings
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core import slice_config
from soct_core.run.settings_file import load_settings
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate
from soct_core.storage.file_tree import files_of
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image

SIZE = (40.0, 50.0, 50.0)
SLICES, DEPTH = 7, 5
GAP, LAST = 2, SLICES - 1
QUICK = "pairwise.max_iterations=40", "interpolation.max_iterations=40", "stack.chunks=[8, 256, 256]"

NEIGHBOURS = {"register z00-z01", "register z03-z04", "register z04-z05"}
WITH_GAP = {"register z01-z02", "register z02-z03"}
CHECKS = {"register z00-z03", "register z01-z04", "register z03-z05"}
PAIRS = NEIGHBOURS | WITH_GAP | CHECKS | {"register z01-z03"}
TRAIL = {"detect gaps", "finalise audit trail"}
END = {"stack", "report"}
FILL = {"interpolate z02", "preview z02"}
ALL = TRAIL | FILL | PAIRS | END


class World:
    """One acquisition and its reconstruction; changes stay, so that each run follows on the last."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        from flows.engine.runners import task_runner
        from flows.reconstruct import reconstruct

        self.acquisition = folder / "mouse"
        self.output = self.acquisition / "reconstruction"
        self.elsewhere = folder / "elsewhere"
        self.patch = patch
        self.settings = list(QUICK)
        self.fresh = False
        self._flow = reconstruct.with_options(task_runner=task_runner("threads", 2))
        phantom = PhantomVolume(Phantom.seeded(7), (SLICES * DEPTH, 96, 112), SIZE)
        simulate(
            phantom, SIZE, SimulationSettings(missing=(GAP,), drift_px=2.0, seed=3), self.acquisition, "p"
        )
        self.to_come = folder / "to_come.ome.zarr"
        self.slice(LAST).rename(self.to_come)
        table = slice_config.read(self.acquisition / "slice_config.csv")
        slice_config.write(self.acquisition / "slice_config.csv", table[table["slice_id"] != LAST])

    def slice(self, slice_id: int) -> Path:
        return self.acquisition / f"slice_z{slice_id:02d}.ome.zarr"

    def run(self, output: Path | None = None) -> RunResult:
        settings = load_settings(ReconstructSettings, overrides=self.settings)
        return self._flow(acquisition=self.acquisition, output=output, settings=settings, fresh=self.fresh)

    def executed(self, output: Path | None = None) -> set[str]:
        """Names of the task runs of the last invocation that were not served from the cache."""
        record = RunRecord.model_validate_json(((output or self.output) / "run.json").read_bytes())
        return {task.name for task in record.tasks if not task.cached}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        # The memo would not believe files as young as these.
        patch.setattr("soct_core.storage.fingerprint_memo.TICK_NS", 0)
        made = World(tmp_path_factory.mktemp("cache"), patch)
        made.run()
        assert made.executed() == ALL
        yield made


Change = Callable[[World], None]


def nothing(_: World) -> None:
    return


def touched(world: World) -> None:
    for path in world.acquisition.rglob("*"):
        if world.output not in path.parents:
            os.utime(path)


def cell(slice_id: int, **values: object) -> Change:
    def change(world: World) -> None:
        config, new = world.acquisition / "slice_config.csv", world.acquisition / "new.csv"
        slice_config.stamp(config, new, slice_id, **values)
        new.replace(config)

    return change


def a_plane_of(slice_id: int, plane: int) -> Change:
    def change(world: World) -> None:
        volume = open_volume(world.slice(slice_id))
        data = np.array(volume[:])
        data[plane] = np.roll(data[plane], 3, axis=1)
        write_image(world.slice(slice_id), data, volume.voxel_size_um)

    return change


def setting(text: str) -> Change:
    return lambda world: world.settings.append(text)


def version(stage: ModuleType) -> Change:
    return lambda world: world.patch.setattr(stage, "VERSION", f"{stage.VERSION} changed")


def deleted(pattern: str) -> Change:
    def change(world: World) -> None:
        (path,) = world.output.glob(pattern)
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def damaged(pattern: str) -> Change:
    """One bit, while size and modification time stay as they were."""

    def change(world: World) -> None:
        path = sorted(world.output.glob(pattern))[0]
        before = path.stat()
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return change


def both(*changes: Change) -> Change:
    """Changes that bear on different tasks."""

    def change(world: World) -> None:
        for one in changes:
            one(world)

    return change


def foreign_file(world: World) -> None:
    (world.output / "mine.txt").write_text("keep me")


def forged_memo(world: World) -> None:
    for path in (world.output / ".soct" / "fingerprints").iterdir():
        path.write_text("[not a memo")


VOLUME = "stack/3d_volume.ome.zarr"
MADE = "interpolate_missing_slice/slice_z02_interpolated"
# It shows the hash of every file, and records hold the seconds that they took.
REPORT = {"report"}


def by_hand(shift_um: str | None) -> Change:
    """Pair 3-4 set by hand to a shift, or left to registration."""

    def change(world: World) -> None:
        path = world.acquisition / "manual" / "slice_z03_z04.tfm"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        if shift_um is not None:
            path.write_text(
                "#Insight Transform File V1.0\n#Transform 0\nTransform: Euler2DTransform_double_2_2\n"
                f"Parameters: 0.01 {shift_um}\nFixedParameters: 2000 2000\n"
            )

    return change


CASES: list[tuple[str, Change, set[str]]] = [
    ("nothing", nothing, set()),
    ("times of all inputs, and a foreign file among the outputs", both(touched, foreign_file), set()),
    ("a note", cell(4, notes="looks fine"), TRAIL | REPORT),
    ("a quality score", cell(3, quality_score=0.9), TRAIL | REPORT),
    ("a damaged memo", forged_memo, set()),
    # Settings, stage by stage.
    (
        "interpolation",
        setting("interpolation.min_ncc_improvement=0.04"),
        {"interpolate z02", "preview z02", "report"},
    ),
    ("interpolated planes", setting("interpolation.alpha_sampling=interior"), FILL | WITH_GAP | END),
    ("no preview", setting("interpolation.preview=false"), {"report"}),
    ("a preview", setting("interpolation.preview=true"), {"preview z02", "report"}),
    ("registration", setting("pairwise.registration_engine=ecc"), PAIRS | END),
    ("threshold of registration", setting("pairwise.rotation_warn_deg=1.5"), PAIRS | {"report"}),
    ("no checks", setting("pairwise.check_pairs=false"), END),
    ("checks", setting("pairwise.check_pairs=true"), CHECKS | END),
    ("stack", setting("stack.blend_depth_um=20"), END),
    ("z match, while z is not refined", setting("pairwise.search_range_um=99"), PAIRS | {"report"}),
    # Algorithms: the same outcome, once more.
    (
        "trail and preview",
        both(
            version(tasks.detect_gaps.stage),
            version(tasks.render_preview.stage),
            version(tasks.finalise_interpolation.stage),
        ),
        TRAIL | {"preview z02"},
    ),
    ("interpolate", version(tasks.interpolate_missing_slice.stage), {"interpolate z02"} | REPORT),
    ("register", version(tasks.register_pair.stage), PAIRS | REPORT),
    ("stacker", version(tasks.stack.stage), {"stack"} | REPORT),
    ("report", version(tasks.render_report.stage), {"report"}),
    # Outputs.
    ("deleted pair", deleted("register_pairwise/slice_z00_z01"), {"register z00-z01"} | REPORT),
    ("deleted interpolation", deleted(f"{MADE}.ome.zarr"), {"interpolate z02"} | REPORT),
    (
        "deleted preview, trail, decisions and record",
        both(
            deleted(f"{MADE}_preview.png"),
            deleted("slice_config_final.csv"),
            deleted("stack/stacking_decisions.csv"),
            deleted("run.json"),
        ),
        {"preview z02", "finalise audit trail", "stack"},
    ),
    ("deleted volume", deleted(VOLUME), {"stack"}),
    ("deleted report", deleted("report.html"), {"report"}),
    ("deleted chunk", deleted(f"{VOLUME}/0/c/1/0/0"), {"stack"}),
    ("damaged chunk", damaged(f"{VOLUME}/0/c/2/0/0"), {"stack"}),
    ("damaged label", damaged(f"{VOLUME}/labels/provenance/0/c/0/0/0"), {"stack"}),
    ("damaged interpolation", damaged(f"{MADE}.ome.zarr/0/c/0/0/0"), {"interpolate z02"} | REPORT),
    (
        "damaged transform",
        damaged("register_pairwise/slice_z03_z04/transform.json"),
        {"register z03-z04"} | REPORT,
    ),
    ("damaged record of what is published", damaged("stack/published.json"), {"stack"}),
    # Inputs.
    (
        "a plane that only pairs look at",
        a_plane_of(4, DEPTH - 1),
        {"register z03-z04", "register z04-z05", "register z01-z04"} | END,
    ),
    (
        "a slice that no longer steers",
        cell(4, auto_excluded=True),
        TRAIL | {"register z01-z05", "register z03-z05"} | END,
    ),
    (
        "a slice that steers again",
        cell(4, auto_excluded=False),
        TRAIL | {"register z01-z04", "register z03-z05"} | END,
    ),
    ("a pair set by hand", by_hand("5 -7"), {"register z03-z04"} | END),
    ("the same once more", by_hand("5 -7"), set()),
    ("set otherwise", by_hand("5 -8"), {"register z03-z04"} | END),
    ("left to registration again", by_hand(None), {"register z03-z04"} | END),
    ("a slice left to the stage", setting("stack.pose_from.04=stage"), END),
]


@pytest.mark.parametrize(("change", "wanted"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_runs_again(world: World, change: Change, wanted: set[str]) -> None:
    change(world)
    world.run()
    assert world.executed() == wanted


def test_another_output_is_made_as_a_whole_and_the_first_stays(world: World) -> None:
    world.run(world.elsewhere)
    assert world.executed(world.elsewhere) == ALL
    world.run()
    assert world.executed() == set()


def test_an_appended_slice_costs_itself_and_moves_nothing(world: World) -> None:
    def poses() -> list[list[object]]:
        table = STACKING_DECISIONS.read(world.output / "stack" / "stacking_decisions.csv")
        columns = [
            "slice_id",
            "z_first",
            "pose_rotation_deg",
            "pose_translation_x_px",
            "pose_translation_y_px",
        ]
        return table[columns].head(LAST).astype(object).to_numpy().tolist()

    def chunks() -> dict[str, int]:
        store = world.output / VOLUME
        return {name: Path(path).stat().st_ino for name, path in files_of(store).items() if "/c/" in name}

    world.run()
    before, old = poses(), chunks()
    world.to_come.rename(world.slice(LAST))
    result = world.run()
    assert world.executed() == TRAIL | {"register z05-z06", "register z04-z06"} | END
    assert poses() == before
    assert result.stack.kept_planes == LAST * DEPTH
    assert result.stack.shape[0] == SLICES * DEPTH
    # 30 planes were there: three whole blocks of 8, each of one chunk at level 0.
    for image in ("0/c/", "labels/provenance/0/c/"):
        assert {
            name for name, inode in chunks().items() if old.get(name) == inode and name.startswith(image)
        } == {f"{image}{row}/0/0" for row in range(3)}
    grown = fingerprints(world)
    world.run()
    assert world.executed() == set()
    # Made again, it is the volume that was published, not another one.
    deleted(VOLUME)(world)
    world.run()
    assert world.executed() == {"stack"}
    assert fingerprints(world) == grown
    world.fresh = True
    result = world.run()
    assert world.executed() == ALL | {"register z05-z06", "register z04-z06"}
    assert result.stack.kept_planes == 0
    assert poses() != before


def fingerprints(world: World) -> dict[str, bytes]:
    return {name: Path(path).read_bytes() for name, path in files_of(world.output / VOLUME).items()}
