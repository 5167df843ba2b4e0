"""Every public door says what it takes, gives and raises, and its examples run."""

from __future__ import annotations

import doctest
import inspect
import re
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from schemas.contract import Contract

_SECTION = re.compile(r"^(\w+)\n-{3,}$", re.MULTILINE)
_GOOGLE_ARGUMENT = re.compile(r"^    (\w+): ", re.MULTILINE)


class Door(NamedTuple):
    """Something that others import, and whether it can raise."""

    face: str
    name: str
    raises: bool = False

    def __str__(self) -> str:
        return f"{self.face}.{self.name}"

    @property
    def owner(self) -> Any:
        """The module or class that holds it."""
        holder: Any = import_module(self.face)
        for part in self.name.split(".")[:-1]:
            holder = getattr(holder, part)
        return holder

    @property
    def found(self) -> Any:
        """The function, class or property itself."""
        last = self.name.rpartition(".")[2]
        found = inspect.getattr_static(self.owner, last)
        return found.__func__ if isinstance(found, classmethod) else found

    @property
    def module(self) -> Any:
        return inspect.getmodule(self.owner if isinstance(self.found, property) else self.found)

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.found) or ""


# Section 14 of the contract.
DOORS = (
    Door("schemas.settings", "ReconstructSettings", raises=True),
    Door("schemas.settings", "InterpolationSettings", raises=True),
    Door("schemas.settings", "PairwiseSettings", raises=True),
    Door("schemas.settings", "StackSettings", raises=True),
    Door("schemas.diagnostics", "InterpolationDiagnostics", raises=True),
    Door("soct_core.zmorph", "interpolate_z_morph", raises=True),
    Door("soct_core.zmorph", "find_best_overlap_planes"),
    Door("soct_core.baselines", "interpolate_average", raises=True),
    Door("soct_core.baselines", "interpolate_weighted", raises=True),
    Door("soct_core.affine", "Affine2D"),
    Door("soct_core.affine", "Affine2D.identity"),
    Door("soct_core.affine", "Affine2D.of", raises=True),
    Door("soct_core.affine", "Affine2D.rigid"),
    Door("soct_core.affine", "Affine2D.determinant"),
    Door("soct_core.affine", "Affine2D.rotation_deg"),
    Door("soct_core.affine", "Affine2D.parts"),
    Door("soct_core.affine", "Affine2D.is_finite"),
    Door("soct_core.affine", "Affine2D.apply"),
    Door("soct_core.affine", "Affine2D.about"),
    Door("soct_core.affine", "Affine2D.compose"),
    Door("soct_core.affine", "Affine2D.inverse", raises=True),
    Door("soct_core.affine", "Affine2D.power", raises=True),
    Door("soct_core.affine", "Affine2D.power_and_imaginary", raises=True),
    Door("soct_core.affine", "Affine2D.scaled"),
    Door("soct_core.affine", "Affine2D.onto_coarser"),
    Door("soct_core.affine", "Affine2D.yx"),
    Door("soct_core.gaps", "detect_single_gaps"),
    Door("soct_core.slice_config", "read", raises=True),
    Door("soct_core.slice_config", "write", raises=True),
    Door("soct_core.slice_config", "from_ids"),
    Door("soct_core.slice_config", "stamp", raises=True),
    Door("soct_core.slice_config", "stamp_many", raises=True),
    Door("soct_core.slice_config", "stamp_table", raises=True),
    Door("soct_core.slice_config", "merge_fragments", raises=True),
    Door("soct_core.slice_config", "filter_slices_to_use", raises=True),
    Door("soct_core.slice_config", "force_skip_slices", raises=True),
    Door("soct_core.volume", "Volume", raises=True),
    Door("soct_core.volume", "open_volume", raises=True),
)
NAMES = {str(door) for door in DOORS}


def parameters(door: Door) -> list[str]:
    """What it takes, as its documentation has to name it."""
    if isinstance(door.found, property):
        return []
    if isinstance(door.found, type) and issubclass(door.found, Contract):
        return ["**values"]
    marks = MappingProxyType({inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"})
    taken = inspect.signature(door.found).parameters.values()
    return [f"{marks.get(p.kind, '')}{p.name}" for p in taken if p.name not in ("self", "cls")]


def returns(door: Door) -> bool:
    """Whether a call gives something; what a class gives needs no words."""
    is_call = not isinstance(door.found, type | property)
    return is_call and inspect.signature(door.found).return_annotation not in (None, "None")


def section(doc: str, title: str) -> str:
    """The text of one section, empty where there is none."""
    parts = _SECTION.split(doc)
    return dict(zip(parts[1::2], parts[2::2], strict=True)).get(title, "")


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_door_says_what_it_takes_gives_and_raises(door: Door) -> None:
    summary, _, rest = door.doc.partition("\n")
    assert summary.endswith(".")
    assert not rest.partition("\n")[0], "one line, then an empty one"
    wanted = {"Parameters": bool(parameters(door)), "Returns": returns(door), "Raises": door.raises}
    there = set(_SECTION.findall(door.doc)) - {"Examples", "References"}
    assert there == {title for title, has in wanted.items() if has}


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_every_parameter_is_documented(door: Door) -> None:
    lines = [line for line in section(door.doc, "Parameters").splitlines() if line and line[0] != " "]
    named = [name.strip() for line in lines for name in line.partition(" : ")[0].split(",")]
    assert sorted(named) == sorted(parameters(door))


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_the_examples_of_a_door_run(door: Door) -> None:
    (example,) = doctest.DocTestFinder(recurse=False).find(
        door.found, str(door), module=door.module, globs=dict(vars(door.module))
    )
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.failed == 0, "".join(said)
    assert result.attempted > 0


@pytest.mark.parametrize("face", ["soct_core.zmorph", "soct_core.slice_config", "soct_core.volume"])
def test_everything_on_a_face_is_a_door(face: str) -> None:
    assert {f"{face}.{name}" for name in import_module(face).__all__} <= NAMES


def test_every_public_method_of_an_affine_is_a_door() -> None:
    affine = import_module("soct_core.affine").Affine2D
    fields = set(inspect.get_annotations(affine))
    methods = {name for name in vars(affine) if not name.startswith("_")} - fields
    assert {f"soct_core.affine.Affine2D.{name}" for name in methods} <= NAMES


@pytest.mark.parametrize("door", [d for d in DOORS if d.face.startswith("schemas.")], ids=str)
def test_every_field_of_a_model_is_documented(door: Door) -> None:
    assert [name for name, field in door.found.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("door", [d for d in DOORS if d.face.startswith("schemas.")], ids=str)
def test_forms_show_the_summary_of_a_model_and_no_examples(door: Door) -> None:
    assert door.found.model_json_schema()["description"] == door.doc.partition("\n\n")[0]


def test_the_flow_keeps_the_sections_that_become_the_help_of_its_form() -> None:
    flow = import_module("flows.reconstruct").reconstruct
    doc = inspect.getdoc(flow.fn) or ""
    assert _GOOGLE_ARGUMENT.findall(doc.partition("Args:\n")[2].partition("\n\n")[0]) == list(
        inspect.signature(flow.fn).parameters
    )
    assert "\nReturns:\n" in doc
    assert "\nRaises:\n" in doc
    assert all(field.get("description") for field in flow.parameters.properties.values())
