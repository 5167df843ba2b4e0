"""docs/transforms.md: a point lands where it should, in SimpleITK, elastix and the space of Slicer."""

from __future__ import annotations

import re
from pathlib import Path

import itk
import numpy as np
import pytest
import SimpleITK
from pair_records import metrics_of, transform_of

from soct_core.affine import Affine2D
from soct_core.file_names import TRANSFORM_ITK
from soct_core.pairwise.files import write_pair

PAGE = Path(__file__).parents[2] / "docs" / "transforms.md"
VOXEL = (50.0, 10.0, 10.0)
# A turn by a quarter from x towards y about (40, 30), then 3 px along x and 5 along y. Worked out by hand:
# (50, 30) lies 10 px right of the centre, so it goes 10 px below it, to (40, 40), and on to (43, 45).
MOTION = Affine2D.rigid(90.0, (3.0, 5.0), (40.0, 30.0))
UPPER_PX, LOWER_PX = (50.0, 30.0), (43.0, 45.0)


@pytest.fixture
def tfm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_pair(tmp_path, transform_of(MOTION, voxel=VOXEL, shape=(61, 81)), metrics_of())
    monkeypatch.chdir(tmp_path)
    return tmp_path / TRANSFORM_ITK


def block(heading: str) -> str:
    """The code under a heading of the page."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    code: str = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]
    return code.replace("ACQ/reconstruction/register_pairwise/slice_z00_z01/", "")


def test_simpleitk(tfm: Path) -> None:
    motion = SimpleITK.ReadTransform(str(tfm))
    assert motion.TransformPoint([v * 10 for v in UPPER_PX]) == pytest.approx([v * 10 for v in LOWER_PX])


def test_elastix(tfm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(block("elastix"), {})
    head = '(HowToCombineTransforms "Compose")\n(InitialTransformParametersFileName "NoInitialTransform")\n'
    grid = "(FixedImageDimension 2)\n(MovingImageDimension 2)\n(Size 81 61)\n(Index 0 0)\n(Spacing 10 10)\n"
    rest = '(Origin 0 0)\n(Direction 1 0 0 1)\n(UseDirectionCosines "true")\n'
    Path("t.txt").write_text(capsys.readouterr().out + head + grid + rest)
    Path("points.txt").write_text(f"point\n1\n{UPPER_PX[0] * 10} {UPPER_PX[1] * 10}\n")
    parameters = itk.ParameterObject.New()
    parameters.AddParameterFile("t.txt")
    moving = itk.image_view_from_array(np.zeros((61, 81), np.float32))
    itk.transformix_filter(
        moving, parameters, fixed_point_set_file_name="points.txt", output_directory=".", log_to_console=False
    )
    found = re.search(r"OutputPoint = \[ ([\d. -]+) \]", Path("outputpoints.txt").read_text())
    assert found is not None
    assert [float(v) for v in found[1].split()] == pytest.approx([v * 10 for v in LOWER_PX], abs=1e-4)


def test_slicer(tfm: Path) -> None:
    exec(block("3D Slicer"), {})
    motion = SimpleITK.ReadTransform("for_slicer.tfm")
    upper, lower = ((v[0] / 100, v[1] / 100, 0.2) for v in (UPPER_PX, LOWER_PX))
    assert motion.TransformPoint(upper) == pytest.approx(lower)
    # What Slicer lays over the upper slice is moved by the inverse.
    assert motion.GetInverse().TransformPoint(lower) == pytest.approx(upper)


def test_the_function_for_poses() -> None:
    found: dict[str, object] = {}
    exec(block("Poses"), found)
    row = {"pose_rotation_deg": 90.0, "pose_translation_x_px": 3.0, "pose_translation_y_px": 5.0}
    in_slice = found["in_slice"]
    assert callable(in_slice)
    assert in_slice(UPPER_PX, row, (61, 81)) == pytest.approx(LOWER_PX)
