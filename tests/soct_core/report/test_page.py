"""The report as a page: whole, self-contained, accessible, honest about what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

from html_page import flaws, parsed
from reported_run import HOSTILE

from schemas.run_record import ErrorRecord, RunRecord, TaskRecord
from soct_core.report.page import render
from soct_core.report.run_data import read_run


def test_the_page_is_whole_and_loads_nothing(finished: tuple[Path, RunRecord]) -> None:
    page = render(*finished)
    assert flaws(page) == []
    assert len(page) < 3_000_000


def test_it_shows_every_slot_as_what_it_is(finished: tuple[Path, RunRecord]) -> None:
    root = parsed(render(*finished))
    (line,) = [e for e in root.all("ol") if e.attributes.get("class") == "slots"]
    kinds = {e.says().split()[0].rstrip("*"): e.attributes["class"] for e in line.all("li")}
    assert kinds["00"] == "k-measured"
    assert kinds["02"] == "k-interpolated"
    assert kinds["09"] == "k-hard_skip"
    assert kinds["05"] == kinds["06"] == "k-excluded"
    assert "11*" in line.says()


def test_it_shows_gates_pictures_and_pairs(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    root = parsed(render(output, record))
    articles = {e.attributes["id"]: e for e in root.all("article") if "id" in e.attributes}
    assert set(articles) == {"gap-02", "gap-09"}
    assert "min_post_correlation" in articles["gap-02"].says()
    assert len(articles["gap-02"].all("img")) == 7
    assert "no_foreground_planes" in articles["gap-09"].says()
    assert len(articles["gap-09"].all("img")) == 2, "its two sides, and nothing between"
    cards = [e for e in root.all("article") if e.attributes.get("class") == "card"]
    assert len(cards) == len(read_run(output, record).pairs)
    assert all(len(card.all("img")) == 3 for card in cards)
    assert sum("reslice" in e.attributes.get("aria-label", "") for e in root.all("svg")) == 2
    assert any("Carpet" in e.says() for e in root.all("svg"))


def test_text_from_files_is_never_markup(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    hostile = record.model_copy(
        update={
            "acquisition": HOSTILE,
            "command": HOSTILE,
            "warnings": (HOSTILE,),
            "errors": (ErrorRecord(name=HOSTILE, message=HOSTILE, traceback=HOSTILE),),
        }
    )
    page = render(output, hostile)
    assert "&lt;script&gt;" in page
    assert flaws(page) == []


def test_a_failed_run_shows_what_there_is(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    outputs = tuple(o for o in record.outputs if not o.path.startswith("stack/"))
    failed = record.model_copy(
        update={
            "outcome": "failed",
            "outputs": outputs,
            "tasks": (TaskRecord(name="stack", state="Failed", cached=False, seconds=1.0, reason="full"),),
            "errors": (ErrorRecord(name="stack", message="disk full", traceback="Traceback: line 7"),),
        }
    )
    page = render(output, failed)
    assert flaws(page) == []
    root = parsed(page)
    assert "This run wrote no volume" in root.says(), "that of an earlier run is not this run's"
    (folded,) = [e for e in root.all("details") if e.attributes.get("class") == "err"]
    assert "Traceback: line 7" in folded.says()
    assert "open" not in folded.attributes


def test_a_run_that_made_nothing_has_a_report_too(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    page = render(output, record.model_copy(update={"outcome": "failed", "outputs": (), "inputs": ()}))
    assert flaws(page) == []


def test_what_cannot_be_read_is_named(finished: tuple[Path, RunRecord], tmp_path: Path) -> None:
    output, record = finished
    copy = tmp_path / "copy"
    shutil.copytree(output, copy)
    (copy / "stack" / "reportlet.json").write_text("{}")
    (copy / "register_pairwise" / "slice_z00_z01" / "reportlet.json").unlink()
    page = render(copy, record)
    assert flaws(page) == []
    root = parsed(page)
    assert root.says().count("Could not be read") == 2
    assert "no reslices were left" in root.says()
