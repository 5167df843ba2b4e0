"""A damaged chunk is refused before Blosc unpacks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from small_image import image


def test_every_cut_of_a_chunk_is_refused_and_none_ends_the_process(tmp_path: Path) -> None:
    """In a process of its own: unchecked, Blosc would take this one down."""
    code = """
import sys
from pathlib import Path
from soct_core.errors import BadInputError
from soct_core.volume import open_volume
for image in sys.argv[1:]:
    chunk = max((p for p in Path(image, "0").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    whole = chunk.read_bytes()
    for cut in range(len(whole)):
        chunk.write_bytes(whole[:cut])
        try:
            open_volume(image)[0]
        except BadInputError:
            continue
        raise SystemExit(f"{image}: {cut} bytes were read")
    chunk.write_bytes(whole)
    open_volume(image)[0]
"""
    images = [str(image(tmp_path / version, version)) for version in ("0.4", "0.5")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code, *images], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
