"""The generated pages of the docs are those of the models."""

from __future__ import annotations

from pathlib import Path

import pytest
from reference_pages import PAGES, main

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_models_say(name: str) -> None:
    committed = (DOCS / name).read_text(encoding="utf-8")
    assert committed == PAGES[name](), f"docs/{name} is old: run python docs/reference_pages.py"


def test_a_page_holds_default_range_and_meaning() -> None:
    row = next(line for line in PAGES["settings.md"]().splitlines() if "`interpolation.max_scale`" in line)
    assert row.split(" | ")[1:3] == ["`1.15`", "number, at least 1, at most 2"]
    assert "Largest plausible stretch" in row


def test_pages_go_where_they_are_told(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(PAGES)
