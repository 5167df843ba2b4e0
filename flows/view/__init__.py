"""The command `view`: a reconstruction in napari, or in a browser by Neuroglancer."""
