"""Containers: HDF5 files and zip archives that nobody vouches for -> trees of text and arrays.

They are read in a child process with limits, since no C library survives every damaged file: it may crash, loop or fill
the memory, and takes nobody else along.
"""

from jaxviz.keras.containers.isolated import read_archive, read_hdf5
from jaxviz.keras.containers.tree import Group

__all__ = ["Group", "read_archive", "read_hdf5"]
