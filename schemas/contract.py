"""The base of every model that crosses a stage: frozen, closed, free of NaN."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A frozen pydantic model that refuses unknown names and non-finite numbers."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        # Forms show settings by the names that files and commands use.
        field_title_generator=lambda name, _info: name,
        ser_json_inf_nan="constants",
    )
