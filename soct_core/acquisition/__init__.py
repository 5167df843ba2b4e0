"""An acquisition: its slices, its stage shifts, and the slots that slice ids own.

What is done with the voxels of a slice does not belong here.
"""
