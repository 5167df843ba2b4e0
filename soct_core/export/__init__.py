"""What a run made, in the formats of other programs: NIfTI and OME-TIFF, streamed.

What is made of slices does not belong here.
"""
