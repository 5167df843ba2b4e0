"""What the README and docs/ point at is there: files, headings' pages, modules of commands, settings."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from flows.terminal.commands import COMMANDS
from schemas.settings import ReconstructSettings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_MODULE = re.compile(r"python -m ([A-Za-z_][\w.]*\w)")
_SCRIPT = re.compile(r"python ((?:benchmarks|faults|fuzz|docs)/\w+\.py)")
_SETTING = re.compile(r"\b(interpolation|pairwise|stack)\.([a-z_]+)(?=[=`])")
_COMMAND = re.compile(r"^    soct ([a-z]+)|`soct ([a-z]+)", re.MULTILINE)
_TEST = re.compile(r"`((?:tests|e2e|examples|faults|fuzz|benchmarks)/[\w./]+\.\w+)`")


def broken(page: Path) -> list[str]:
    """Everything that a page names and that is not there."""
    text = page.read_text(encoding="utf-8")
    found = []
    for link in _LINK.findall(text):
        if not link.startswith(("http://", "https://", "#", "mailto:")):
            target = page.parent / link.partition("#")[0]
            found += [] if target.exists() else [link]
    found += [name for name in _MODULE.findall(text) if not is_module(name)]
    commands = {command.name for command in COMMANDS} | {"completion"}
    found += [f"soct {a or b}" for a, b in _COMMAND.findall(text) if (a or b) not in commands]
    for script in (*_SCRIPT.findall(text), *_TEST.findall(text)):
        found += [] if (ROOT / script).is_file() else [script]
    for group, name in _SETTING.findall(text):
        model = type(ReconstructSettings.model_fields[group].default)
        found += [] if name in model.model_fields else [f"{group}.{name}"]
    return found


def is_module(name: str) -> bool:
    """Whether `python -m NAME` would find something to run."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    assert broken(page) == []


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    missing = [page.name for page in PAGES[1:] if page.name != "README.md" and f"({page.name})" not in index]
    assert missing == []


def test_what_is_not_there_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "[a](gone.md) [b](https://example.org) `python -m flows.gone` `python -m flows.verify OUT`\n"
        "`python benchmarks/gone.py` `tests/gone.py` `stack.gone=1` `stack.z_refine=true`\n"
        "`soct gone` `soct view ACQ`\n"
    )
    assert broken(page) == [
        "gone.md",
        "flows.gone",
        "soct gone",
        "benchmarks/gone.py",
        "tests/gone.py",
        "stack.gone",
    ]
