"""The manifest fragment: the one row a parallel interpolation adds to the audit trail."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from schemas.contract import Contract
from schemas.diagnostics import FallbackReason, InterpolationDiagnostics
from schemas.settings import Method
from schemas.slice_id import SliceId

FRAGMENT_COLUMNS = (
    "slice_id",
    "interpolated",
    "interpolation_failed",
    "interpolation_method_used",
    "interpolation_fallback_reason",
)


class ManifestFragment(Contract):
    """Outcome of one attempted slice: either interpolated by a method, or failed for a reason."""

    slice_id: SliceId
    interpolated: bool
    interpolation_failed: bool
    interpolation_method_used: Method | None = None
    interpolation_fallback_reason: FallbackReason | None = None

    @model_validator(mode="after")
    def _is_one_outcome(self) -> Self:
        if self.interpolated == self.interpolation_failed:
            raise ValueError("exactly one of interpolated and interpolation_failed must be true")
        if self.interpolated != (self.interpolation_method_used is not None):
            raise ValueError("interpolation_method_used must be given on success, and only then")
        if self.interpolation_failed != (self.interpolation_fallback_reason is not None):
            raise ValueError("interpolation_fallback_reason must be given on failure, and only then")
        return self

    @classmethod
    def from_diagnostics(cls, diagnostics: InterpolationDiagnostics, slice_id: int) -> Self:
        """Reduce diagnostics to the row that enters the audit trail."""
        return cls(
            slice_id=slice_id,
            interpolated=not diagnostics.interpolation_failed,
            interpolation_failed=diagnostics.interpolation_failed,
            interpolation_method_used=diagnostics.method_used,
            interpolation_fallback_reason=diagnostics.fallback_reason,
        )
