"""Two neighbouring slices registered: which pairs, the z match, the rigid motion, how far to trust it.

What all pairs together say of a slice is stacking.
"""
