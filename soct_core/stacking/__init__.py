"""From slices, pairs and slots to one volume: poses, canvas, placed slices, blending, decisions.

How one pair was registered is pairwise; how an image is written is volume.
"""
