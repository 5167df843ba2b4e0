"""Settings from a TOML file and from single overrides, with errors that say what was wanted."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.small_file import read_small
from soct_core.errors import SettingsError, one_line, unreadable

Model = TypeVar("Model", bound=BaseModel)
Tree = dict[str, Any]
MAX_SETTINGS_BYTES = 2**20
"""A limit chosen by hand, far above any settings file."""
_MAX_SEEN = 80
"""Characters of a value that a message quotes. Chosen by hand."""
_MAX_FAULTS = 5
"""Faults that one message tells. Chosen by hand."""
_LIKENESS = 0.75
"""Share of letters in common from which another name may be meant. Chosen by hand."""
_WORDS = {"none": None, "true": True, "false": False}


def load_settings(
    model: type[Model],
    file: Path | None = None,
    overrides: Iterable[str] = (),
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Model:
    """Build settings: defaults, then the file, then `name.name=value` overrides in order.

    Raises
    ------
    SettingsError
        Naming the setting, the value seen and the range allowed.
    """
    given = dict(defaults) | ({} if file is None else _read_toml(file))
    tree = deepcopy(given)
    for override in overrides:
        _put(tree, override)
    try:
        return checked(model, tree)
    except SettingsError as error:
        # The file is to blame only for what is wrong without the overrides too.
        if file is None or _is_valid(model, given):
            raise
        raise SettingsError(f"{file}: {error}") from error


def _is_valid(model: type[BaseModel], tree: Tree) -> bool:
    try:
        model.model_validate(tree)
    except ValidationError:
        return False
    return True


def checked(model: type[Model], tree: Tree) -> Model:
    """Validate a tree of settings; see `load_settings`."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(model, f) for f in error.errors()[:_MAX_FAULTS])) from error


def _read_toml(file: Path) -> Tree:
    try:
        return tomllib.loads(read_small(file, MAX_SETTINGS_BYTES).decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        raise unreadable(file, error, SettingsError) from error
    except (ValueError, RecursionError) as error:
        # Beside its own error, tomllib passes on those of dates and of numbers beyond all sense.
        raise SettingsError(f"{file}: is not TOML: {error}") from error


def _put(tree: Tree, override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name.strip():
        raise SettingsError(f"setting {override!r}: wanted name=value, e.g. interpolation.preview=false")
    *parents, leaf = name.strip().split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"setting {name!r}: {parent!r} is a value, not a group")
    tree[leaf] = _value(text.strip())


def _value(text: str) -> Any:
    """Numbers, booleans and lists as TOML writes them; anything else is text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for candidate in (text, f"[{text}]" if "," in text else text):
        try:
            return tomllib.loads(f"value = {candidate}")["value"]
        except (ValueError, RecursionError):
            continue
    return text


def _explain(model: type[BaseModel], fault: Any) -> str:
    name = one_line(".".join(map(str, fault["loc"])), _MAX_SEEN) or "settings"
    if fault["type"] == "extra_forbidden":
        return f"setting {name!r} is unknown; {_meant(model, name)}"
    if fault["type"] == "missing":
        return f"setting {name!r} is missing"
    if fault["type"] == "model_type":
        return f"setting {name!r}: got {_shown(fault['input'])}, wanted settings by name, as in {name}.NAME"
    message = str(fault["msg"])
    wanted = message.removeprefix("Input should be ").removeprefix("Value error, ")
    return f"setting {name!r}: got {_shown(fault['input'])}, wanted {wanted}"


def _meant(model: type[BaseModel], name: str) -> str:
    """Which setting an unknown name may mean, in any group; if none is near, which settings there are."""
    known = list(_names(model))
    group, _, leaf = name.rpartition(".")
    leaves = [full.rpartition(".")[2] for full in known]
    near = [found for found in leaves if len(leaf) > 2 and leaf in found]
    near = near or get_close_matches(leaf, leaves, cutoff=_LIKENESS)
    # Those in the group that was named come first.
    meant = [full for full, found in zip(known, leaves, strict=True) if found in near]
    meant = [full for full in meant if full.startswith(f"{group}.")] or meant
    if meant:
        return f"is {' or '.join(map(repr, meant[:_MAX_FAULTS]))} meant?"
    within = [found for full, found in zip(known, leaves, strict=True) if full == f"{group}.{found}"]
    if group and within:
        return f"{group} has {', '.join(within)}"
    return f"there are {', '.join(dict.fromkeys(full.partition('.')[0] for full in known))}"


def _names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _names(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _shown(value: object) -> str:
    try:
        return one_line(repr(value), _MAX_SEEN)
    except (ValueError, RecursionError):
        return "a number too long to print"
