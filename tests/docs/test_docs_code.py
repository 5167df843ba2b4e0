"""The Python in the README and in docs/ runs, page by page, on a tiny acquisition."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from drifting_tissue import Drift, noisy, tissue_plane

from soct_core.volume.writing import write_image

ROOT = Path(__file__).parents[2]
MAKES_THE_RUN = "python-api.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


# What a page may import that is not there where the tests run; the page says so.
_FOREIGN = "dask_jobqueue"


def blocks(page: Path) -> list[tuple[int, str]]:
    """Python blocks of a page, each with the line that it begins on."""
    text = page.read_text(encoding="utf-8")
    found = _BLOCK.finditer(text)
    return [(text.count("\n", 0, f.start(1)) + 1, f[1]) for f in found if _FOREIGN not in f[1]]


def pages() -> list[Path]:
    """Pages with Python on them; first the one whose run the others look at."""
    found = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if blocks(page)]
    return sorted(found, key=lambda page: page.name != MAKES_THE_RUN)


def execute(page: Path) -> None:
    """Run a page's blocks as one program; errors name page and line."""
    namespace = {"__name__": "__main__"}
    for line, source in blocks(page):
        exec(compile("\n" * (line - 1) + source, page.name, "exec"), namespace)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ACQ` around the gap 2, and the two slices that the README interpolates between."""
    folder = tmp_path_factory.mktemp("docs")
    for slice_id in (0, 1, 3):
        drift = Drift(0.8 * (-1) ** slice_id, (1.5 * slice_id, -1.0)).at(1.0)
        planes = [noisy(tissue_plane(drift), 10 * slice_id + z)[32:-32, 32:-32] for z in range(5)]
        data = np.rint(np.stack(planes)).astype(np.uint16)
        write_image(folder / "ACQ" / f"slice_z{slice_id:02d}.ome.zarr", data, (40.0, 25.0, 25.0))
    (folder / "ACQ" / "slice_config.csv").write_text("slice_id,use,notes\n02,false,torn\n")
    for slice_id, like in ((5, 1), (7, 3)):
        (folder / f"slice_z{slice_id:02d}.ome.zarr").symlink_to(f"ACQ/slice_z{like:02d}.ome.zarr")
    return folder


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_code_of_a_page_runs(
    prefect_server: None, directory: Path, monkeypatch: pytest.MonkeyPatch, page: Path
) -> None:
    monkeypatch.chdir(directory)
    if page.name != MAKES_THE_RUN and not (directory / "ACQ" / "reconstruction").exists():
        execute(ROOT / "docs" / MAKES_THE_RUN)
    execute(page)


def test_an_error_names_page_and_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nvalue = 1\nassert value == 2\n```\n")
    with pytest.raises(AssertionError) as raised:
        execute(page)
    last = raised.traceback[-1]
    assert (Path(str(last.path)).name, last.lineno + 1) == ("page.md", 5)
