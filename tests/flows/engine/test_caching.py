"""Checksums of outputs: what is believed of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.engine.caching import OutputChecksums, cache_entry, outputs_intact, record_outputs
from schemas.run_record import Fingerprint
from soct_core.storage.fingerprint import fingerprint


def test_checksums_that_name_files_elsewhere_are_not_believed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "secret").write_text("x")
    entry = cache_entry(tmp_path / "out", "stack", lambda: "key")
    entry.checksums.parent.mkdir(parents=True)
    for path in ("../secret", str(tmp_path / "secret")):
        mark = Fingerprint(path=path, fingerprint=fingerprint(tmp_path / "secret"))
        entry.checksums.write_text(OutputChecksums(key="key", outputs=(mark,)).model_dump_json())
        assert not outputs_intact(entry)


@pytest.mark.parametrize("change", ["none", "gone", "damaged", "another key", "a picture lost"])
def test_outputs_are_intact_as_long_as_nothing_of_them_changed(tmp_path: Path, change: str) -> None:
    made = tmp_path / "made.csv"
    made.write_text("a\n")
    entry = cache_entry(tmp_path, "stack", lambda: "key")
    record_outputs(entry, [made], ["reportlet.json"] if change == "a picture lost" else [])
    if change == "gone":
        made.unlink()
    elif change == "damaged":
        made.write_text("ab\n")
    elif change == "another key":
        entry = cache_entry(tmp_path, "stack", lambda: "other")
    assert outputs_intact(entry) == (change == "none")
