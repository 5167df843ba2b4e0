"""Other slices of a specimen that a run has reconstructed: how they lie to those of the run.

How slices are stacked does not belong here.
"""
