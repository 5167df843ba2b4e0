"""What dead or other runs left behind goes, and nothing else."""

from __future__ import annotations

from pathlib import Path

from soct_core.file_names import CHECKSUMS_FOLDER
from soct_core.run.leftovers import remove_leftovers, remove_stale_interpolations
from soct_core.storage.atomic import published


def test_leftovers_of_dead_runs_go_and_nothing_else(tmp_path: Path) -> None:
    final = tmp_path / "stack" / "3d_volume.ome.zarr"
    manager = published(final)
    half = manager.__enter__()
    (half / "0" / "c").mkdir(parents=True)
    (half / "0" / "c" / "0").write_bytes(b"x")
    (half.with_name(f"{half.name}-old")).mkdir()
    (tmp_path / CHECKSUMS_FOLDER).mkdir(parents=True)
    (tmp_path / CHECKSUMS_FOLDER / ".partial-17-0123abcd-stack.json").write_text("{")
    (tmp_path / ".partial-stale-slice_z02_interpolated.ome.zarr").mkdir()
    mine = [
        tmp_path / ".partial-notes.txt",
        tmp_path / "stack" / "partial-1-0123abcd-x",
        tmp_path / "stack" / "other.zarr" / ".partial-17-0123abcd-x",
        final / "zarr.json",
    ]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("keep")
    remove_leftovers(tmp_path)
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(mine)
    assert not list(tmp_path.rglob(".partial-*-3d_volume*"))


def test_a_stale_reportlet_goes_with_its_interpolation(tmp_path: Path) -> None:
    for name in ("slice_z02_interpolated_reportlet.json", "slice_z03_interpolated_reportlet.json"):
        (tmp_path / name).write_text("{}")
    remove_stale_interpolations(tmp_path, [3])
    assert [p.name for p in tmp_path.iterdir()] == ["slice_z03_interpolated_reportlet.json"]
