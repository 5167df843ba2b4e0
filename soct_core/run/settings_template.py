"""A settings file to start from: every setting with its meaning, range and default, as comments."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_WIDTH = 100


def settings_template(model: type[BaseModel]) -> str:
    """Settings of a model as TOML in which nothing is set yet.

    Examples
    --------
    >>> from schemas.settings import ReconstructSettings
    >>> print(*settings_template(ReconstructSettings).splitlines()[:2], sep="\\n")
    # Thickness of one physical slice. (more than 0, at most 1000000)
    # slicing_interval_um = 200.0
    """
    properties = model.model_json_schema().get("properties", {})
    groups = {name: field for name, field in model.model_fields.items() if _is_group(field)}
    lines: list[str] = []
    for name, field in model.model_fields.items():
        if name not in groups:
            lines += _setting(name, field, properties[name])
    for name, field in groups.items():
        lines += ["", *_comment(field.description or ""), f"[{name}]"]
        inner = type(field.default)
        of_group = inner.model_json_schema().get("properties", {})
        for inner_name, inner_field in inner.model_fields.items():
            lines += _setting(inner_name, inner_field, of_group[inner_name])
    return "\n".join(lines).strip() + "\n"


def _is_group(field: FieldInfo) -> bool:
    return isinstance(field.default, BaseModel)


def _setting(name: str, field: FieldInfo, schema: dict[str, Any]) -> Iterator[str]:
    yield ""
    # The description of the schema says the range too.
    yield from _comment(str(schema.get("description", field.description or "")))
    choices = schema.get("enum")
    if choices:
        yield from _comment(f"One of {', '.join(map(str, choices))}.")
    yield f"# {name} = {_toml(field.default)}" if field.default is not None else f"# {name} ="


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False
    )


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
