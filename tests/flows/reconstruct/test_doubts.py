"""Doubts about an acquisition: said in the result, the record, the report and the table, with what to do."""

from __future__ import annotations

import html
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from phantom_acquisition import SIZE
from rich.console import Console

from flows.terminal.plain_lines import print_lines, result_lines
from schemas.run_record import RunRecord
from schemas.settings import PairwiseSettings, ReconstructSettings
from schemas.simulation import SimulationSettings
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core.report.cards import file_card
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate
from soct_core.volume import open_volume
from soct_core.volume.writing import ImageSpec, image_writer, write_image

QUICK = ReconstructSettings(pairwise=PairwiseSettings(anatomy_span_um=0.0, max_iterations=200))


@pytest.fixture
def mishandled(tmp_path: Path) -> Path:
    """Seven slices: 02 copied over 03, 05 is noise over agarose, 01 dimmed to a quarter."""
    folder = tmp_path / "mouse"
    phantom = PhantomVolume(Phantom.seeded(7), (7 * 5, 128, 144), SIZE)
    simulate(phantom, SIZE, SimulationSettings(drift_px=2.0, seed=3), folder, "phantom")
    (folder / "slice_config.csv").unlink()
    shutil.rmtree(folder / "slice_z03.ome.zarr")
    shutil.copytree(folder / "slice_z02.ome.zarr", folder / "slice_z03.ome.zarr")
    there = open_volume(folder / "slice_z05.ome.zarr")
    noise = np.random.default_rng(0).gamma(1.0, 2000.0, there.shape).astype(there.dtype)
    shutil.rmtree(folder / "slice_z05.ome.zarr")
    write_image(folder / "slice_z05.ome.zarr", noise, SIZE)
    bright = np.asarray(open_volume(folder / "slice_z01.ome.zarr")[:])
    shutil.rmtree(folder / "slice_z01.ome.zarr")
    write_image(folder / "slice_z01.ome.zarr", bright // 4, SIZE)
    return folder


def test_doubts_are_said_everywhere_and_act_on_nothing(mishandled: Path, reconstruct) -> None:
    result = reconstruct(acquisition=mishandled, settings=QUICK)
    kinds = [(d.kind, d.slices) for d in result.doubts]
    assert kinds == [("same_image", (2, 3)), ("unsupported", (5,)), ("spoiled", (1,))]
    texts = [doubt.text for doubt in result.doubts]
    record = RunRecord.model_validate_json((result.output / "run.json").read_bytes())
    assert record.doubts == result.doubts
    assert list(record.warnings) == list(result.warnings) == texts
    page = html.unescape(result.report.read_text())
    out = io.StringIO()
    print_lines(Console(file=out, width=400), result_lines(result))
    for doubt in result.doubts:
        assert doubt.sentence in page
        assert f"<code>{doubt.paste}</code>" in page
        assert doubt.sentence in out.getvalue()
        assert doubt.what_to_do in out.getvalue()
    assert "05,false" in result.doubts[1].paste
    assert file_card(result).count("Warning: ") == 3
    rows = STACKING_DECISIONS.read(result.stack.decisions).set_index("slice_id")
    assert (rows["slot_state"] == "measured").all()
    assert "no trusted pair supports this slice" in rows.loc[5, "reasons"]
    assert set(rows["part"]) == {1}
    # Said again by a run that finds everything done.
    assert reconstruct(acquisition=mishandled, settings=QUICK).doubts == result.doubts


def test_windows_of_translations_rebuild_the_volume_in_its_world(tmp_path: Path, reconstruct) -> None:
    folder = tmp_path / "mouse"
    phantom = PhantomVolume(Phantom.seeded(7), (5 * 5, 128, 144), SIZE)
    at = {0: (0, 0), 1: (0, 0), 3: (16, 6), 4: (16, 6)}
    for i, (x, y) in at.items():
        planes = np.stack([phantom[z] for z in range(5 * i, 5 * i + 5)])
        data = np.ascontiguousarray(planes[:, y : y + 122, x : x + 128])
        origin = (1000.0 + 200.0 * i, 5000.0 + y * SIZE[1], 7000.0 + x * SIZE[2])
        spec = ImageSpec(data.shape, data.dtype, SIZE, origin)
        with image_writer(folder / f"slice_z{i:02d}.ome.zarr", spec) as (image, _):
            image.append(data)
    result = reconstruct(acquisition=folder, settings=QUICK)
    assert [doubt.kind for doubt in result.doubts] == ["translations"]
    rows = STACKING_DECISIONS.read(result.stack.decisions)
    assert rows["pose_translation_x_px"].abs().max() < 0.5
    volume = open_volume(result.stack.volume)
    z, y, x = volume.origin_um
    assert (z, y, x) == pytest.approx((1000.0, 5000.0, 7000.0), abs=8 * SIZE[1])
    filled = result.interpolations[0].volume
    assert filled is not None
    assert open_volume(filled).origin_um == pytest.approx((1400.0, 5000.0, 7000.0))
    assert open_volume(filled).shape == (5, 128, 144)
    # Voxels of the volume lie in the world where the phantom has them.
    top, left = round((y - 5000.0) / SIZE[1]), round((x - 7000.0) / SIZE[2])
    truth = np.asarray(phantom[22], dtype=float)[6:, 16:]
    found = np.asarray(volume[22], dtype=float)[6 - top : 128 - top, 16 - left : 144 - left]
    assert np.corrcoef(truth.ravel(), found.ravel())[0, 1] > 0.99
