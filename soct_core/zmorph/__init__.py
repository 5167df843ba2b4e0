"""zmorph: one missing slice from its two neighbours: boundary planes, gates, morph.

Baselines that do not register, and files, do not belong here.
"""

from soct_core.zmorph.boundary_planes import find_best_overlap_planes
from soct_core.zmorph.interpolate import interpolate_z_morph

__all__ = ["find_best_overlap_planes", "interpolate_z_morph"]
