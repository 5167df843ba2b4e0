"""Two neighbouring slices registered: which pairs, the z match, the rigid motion, how far to trust it.

What all pairs together say of a slice is stacking.
"""

from soct_core.pairwise.register import Pair, register_slices

__all__ = ["Pair", "register_slices"]
