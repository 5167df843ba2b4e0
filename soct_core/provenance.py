"""Provenance: the label volume that says, voxel by voxel, what was measured."""

from __future__ import annotations

LABEL_NAME = "provenance"
GAP = 0
"""Gap, or outside what any slice covers."""
MEASURED = 1
INTERPOLATED = 2
BLEND = 3
"""Cross-over of two measured slices."""
