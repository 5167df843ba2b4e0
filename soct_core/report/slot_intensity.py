"""Mean intensity of tissue in each slot, from the planes of the volume that were looked at."""

from __future__ import annotations

from soct_core.report.reading import Reading


def mean_by_slot(reading: Reading) -> dict[int, tuple[float, str]]:
    """Mean intensity of tissue in each slot, and the slot's state."""
    if reading.stack is None:
        return {}
    found = {}
    for row in reading.decisions:
        inside = [
            (plane.tissue_mean, plane.tissue_fraction)
            for plane in reading.stack.profile
            if plane.tissue_mean is not None and row["slot_top_um"] <= plane.depth_um < row["slot_bottom_um"]
        ]
        weight = sum(w for _, w in inside)
        if weight > 0 and row["slot_state"] != "gap":
            mean = sum(m * w for m, w in inside if m is not None) / weight
            found[row["slice_id"]] = mean, str(row["slot_state"])
    return found
