"""Checksums of outputs: what is believed of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.engine.caching import OutputChecksums, cache_entry, outputs_intact, record_outputs
from flows.engine.places import Places
from schemas.handoffs import FinalisedTrail
from schemas.run_record import Fingerprint
from soct_core.storage.fingerprint import fingerprint


def places(output: Path) -> Places:
    return Places(output=output, acquisition=output / "acq")


def test_checksums_that_name_files_elsewhere_are_not_believed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "secret").write_text("x")
    entry = cache_entry(places(tmp_path / "out"), "stack", lambda: "key", FinalisedTrail)
    entry.checksums.parent.mkdir(parents=True)
    for path in ("../secret", str(tmp_path / "secret")):
        mark = Fingerprint(path=path, fingerprint=fingerprint(tmp_path / "secret"))
        entry.checksums.write_text(OutputChecksums(key="key", outputs=(mark,)).model_dump_json())
        assert not outputs_intact(entry)


@pytest.mark.parametrize("change", ["none", "gone", "damaged", "another key", "a picture lost"])
def test_outputs_are_intact_as_long_as_nothing_of_them_changed(tmp_path: Path, change: str) -> None:
    made = tmp_path / "made.csv"
    made.write_text("a\n")
    entry = cache_entry(places(tmp_path), "stack", lambda: "key", FinalisedTrail)
    lost = ["reportlet.json"] if change == "a picture lost" else []
    record_outputs(entry, [made], FinalisedTrail(path=made), lost)
    if change == "gone":
        made.unlink()
    elif change == "damaged":
        made.write_text("ab\n")
    elif change == "another key":
        entry = cache_entry(places(tmp_path), "stack", lambda: "other", FinalisedTrail)
    assert outputs_intact(entry) == (change == "none")


def test_an_outcome_is_known_wherever_its_output_was_moved_to(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "acq").mkdir(parents=True)
    (old / "trail.csv").write_text("a\n")
    entry = cache_entry(places(old), "finalise", lambda: "key", FinalisedTrail)
    assert entry.known == ""
    record_outputs(entry, [old / "trail.csv"], FinalisedTrail(path=old / "trail.csv", seconds=2.0))
    old.rename(new)
    moved = cache_entry(places(new), "finalise", lambda: "key", FinalisedTrail)
    assert moved.places.read(moved.known, FinalisedTrail) == FinalisedTrail(
        path=new / "trail.csv", seconds=2.0
    )
    assert cache_entry(places(new), "finalise", lambda: "key", FinalisedTrail, fresh=True).known == ""


@pytest.mark.parametrize(
    "outcome", ['{"path": {"in": "output", "path": "../x"}}', '{"path": "/etc"}', "{", "3"]
)
def test_an_outcome_that_was_altered_is_not_believed(tmp_path: Path, outcome: str) -> None:
    (tmp_path / "out").mkdir()
    entry = cache_entry(places(tmp_path / "out"), "finalise", lambda: "key", FinalisedTrail)
    record_outputs(entry, [], FinalisedTrail(path=tmp_path / "out" / "x"))
    forged = OutputChecksums(key="key", outputs=(), outcome=outcome)
    entry.checksums.write_text(forged.model_dump_json())
    assert cache_entry(places(tmp_path / "out"), "finalise", lambda: "key", FinalisedTrail).known == ""


def test_keys_hold_no_place(tmp_path: Path) -> None:
    here = Places(output=tmp_path / "a" / "out", acquisition=tmp_path / "a")
    there = Places(output=tmp_path / "b", acquisition=tmp_path / "c")
    texts = {
        place.write({"out": place.output / "x" / "y", "of": {3: (place.acquisition / "z",)}, "n": 1.5})
        for place in (here, there)
    }
    assert len(texts) == 1
    assert str(tmp_path) not in texts.pop()
