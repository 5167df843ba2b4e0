"""Two planes registered and compared, whatever they are planes of: working plane, likeness, optimiser.

What a likeness must reach is decided where it is used: in zmorph and in pairwise.
"""
