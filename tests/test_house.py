"""The house keeps its rules: rooms with a sign on the door, small modules, small functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = ("soct_core", "schemas", "flows", "deployments")
ALL = (*PRODUCT, "benchmarks", "faults", "fuzz", "e2e", "docs", "foreign")
MOST_MODULES_AT_THE_ENTRANCE = 10
MOST_LINES_OF_A_MODULE = 300
"""Docstrings are not counted: a public door may be explained at length."""
MOST_LINES_OF_A_FUNCTION = 60


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def documented(path: Path) -> int:
    """Lines of docstrings."""
    return sum(
        (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of everything that a file imports from this project."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PRODUCT:
            yield from ((node.module, alias.name) for alias in node.names)


def test_few_modules_lie_directly_in_the_library() -> None:
    here = [path.name for path in (ROOT / "soct_core").glob("*.py") if path.name != "__init__.py"]
    assert len(here) <= MOST_MODULES_AT_THE_ENTRANCE, here


@pytest.mark.parametrize("folder", PRODUCT)
def test_every_folder_says_what_belongs_in_it(folder: str) -> None:
    rooms = {path.parent for path in modules(folder)}
    signs = {room: ast.get_docstring(ast.parse((room / "__init__.py").read_text())) for room in rooms}
    assert [named(room) for room, sign in signs.items() if not sign] == []


def test_inside_a_folder_nobody_imports_its_own_face() -> None:
    faults = []
    for path in modules(*PRODUCT):
        face = ".".join(path.relative_to(ROOT).parent.parts)
        siblings = {other.stem for other in path.parent.glob("*.py")} | {
            room.name for room in path.parent.iterdir() if room.is_dir()
        }
        faults += [
            f"{named(path)}: from {module} import {name}"
            for module, name in imported(path)
            if path.name != "__init__.py" and module == face and "." in face and name not in siblings
        ]
    assert faults == []


def test_private_names_stay_in_their_module() -> None:
    faults = [
        f"{named(path)}: from {module} import {name}"
        for path in modules(*ALL, "tests")
        for module, name in imported(path)
        if name.startswith("_") and not name.startswith("__")
    ]
    assert faults == []


def test_modules_and_functions_are_short() -> None:
    long_modules = [
        named(path)
        for path in modules(*ALL)
        if len(path.read_text(encoding="utf-8").splitlines()) - documented(path) > MOST_LINES_OF_A_MODULE
    ]
    long_functions = [
        f"{named(path)}: {node.name}"
        for path in modules(*ALL)
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    ]
    assert (long_modules, long_functions) == ([], [])
