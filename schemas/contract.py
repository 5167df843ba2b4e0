"""The base of every model that crosses a stage: frozen, closed, free of NaN."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


def _fit_for_forms(schema: dict[str, Any]) -> None:
    """Keep only the summary of the class, and put the range of each number into its description.

    Forms show a description as it is, so examples in Python must stay out. They check bounds, but do not
    show them.
    """
    if "description" in schema:
        schema["description"] = schema["description"].partition("\n\n")[0]
    for field in schema.get("properties", {}).values():
        number = next((kind for kind in field.get("anyOf", ()) if "type" in kind), field)
        above, low = number.get("exclusiveMinimum"), number.get("minimum")
        phrases = (
            f"more than {above:.10g}" if above is not None else "",
            f"at least {low:.10g}" if low is not None else "",
            f"at most {number['maximum']:.10g}" if "maximum" in number else "",
        )
        if said := ", ".join(filter(None, phrases)):
            field["description"] = f"{field.get('description', '')} ({said})".strip()


class Contract(BaseModel):
    """A frozen pydantic model that refuses unknown names and non-finite numbers."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        # Forms show settings by the names that files and commands use.
        field_title_generator=lambda name, _info: name,
        json_schema_extra=_fit_for_forms,
        ser_json_inf_nan="constants",
    )
