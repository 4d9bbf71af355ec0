"""Containers: untrusted HDF5 files and zip archives -> trees of text and arrays.

A child process with limits reads them, because a C library may crash, loop or fill the memory on a damaged file. Then
only the child process ends.
"""

from jaxviz.keras.containers.isolated import read_archive, read_hdf5
from jaxviz.keras.containers.tree import Group

__all__ = ["Group", "read_archive", "read_hdf5"]
