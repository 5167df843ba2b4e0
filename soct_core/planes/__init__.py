"""Single planes, (y, x): warps, tissue, what was measured, dtypes.

Comparing two planes belongs to registration.
"""
