"""Files as such: atomic publication, fingerprints, JSON records, safe paths.

What is in an OME-Zarr image is volume.
"""
