"""Rows: a table of numbers that grows, in memory while it is small and in a temporary file beyond that."""

import tempfile
import weakref
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from jaxviz.values.errors import JaxvizError

__all__ = ["Rows"]

_IN_MEMORY = 1 << 27  # bytes
_BLOCK = 1 << 14  # rows that are read at a time


class Rows:
    """Rows of numbers, which are added at the end and read in order, a block at a time.

    However many there are, they take at most 128 MiB of memory. More are in a file in the system's directory for
    temporary files, which has no name and is gone when the rows are, or the process.

    Args:
      width: numbers in a row.
      in_memory: the most bytes that are held in memory.
    """

    def __init__(self, width: int, *, in_memory: int = _IN_MEMORY):
        self.width = width
        self._count = 0
        self._file = tempfile.SpooledTemporaryFile(in_memory)  # noqa: SIM115, it is open as long as the rows live
        weakref.finalize(self, self._file.close)

    @staticmethod
    def of(rows: Float[np.ndarray, "rows width"]) -> "Rows":
        """Returns the rows of an array."""
        made = Rows(rows.shape[1])
        made.add(rows)
        return made

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Float[np.ndarray, "some width"]) -> None:
        """Adds rows at the end.

        Raises:
          JaxvizError: the temporary file cannot be written.
        """
        try:
            self._file.seek(self._count * self._bytes)
            self._file.write(np.ascontiguousarray(rows, np.float32).data)
        except OSError as error:
            raise JaxvizError(
                f"{tempfile.gettempdir()} cannot hold {self._bytes * (len(self) + len(rows)):,} bytes of activations "
                f"({error}); set TMPDIR to a directory with more room"
            ) from error
        self._count += len(rows)

    def blocks(self) -> Iterator[tuple[int, Float[np.ndarray, "some width"]]]:
        """Yields the number of the first row of each block, and the block."""
        for first in range(0, self._count, _BLOCK):
            self._file.seek(first * self._bytes)
            count = min(_BLOCK, self._count - first)
            read = self._file.read(count * self._bytes)
            yield first, np.frombuffer(read, np.float32).reshape(count, self.width)

    def take(self, numbers: Int[np.ndarray, " some"]) -> Float[np.ndarray, "some width"]:
        """Returns the rows with these numbers, which must be in order."""
        taken = np.empty((len(numbers), self.width), np.float32)
        for first, block in self.blocks():
            begin, end = np.searchsorted(numbers, [first, first + len(block)])
            taken[begin:end] = block[numbers[begin:end] - first]
        return taken

    def means(self, groups: Int[np.ndarray, " rows"], count: int) -> Float[np.ndarray, "groups width"]:
        """Returns the mean of each group of rows.

        Args:
          groups: the group of each row, from 0; -1 for none.
          count: the number of groups; each has a row or more.
        """
        sums, sizes = np.zeros((count, self.width)), np.bincount(groups[groups >= 0], minlength=count)
        for first, block in self.blocks():
            of_block = groups[first : first + len(block)]
            order = np.argsort(of_block, kind="stable")
            found, begins = np.unique(of_block[order], return_index=True)
            for group, rows in zip(found.tolist(), np.split(order, begins[1:]), strict=True):
                if group >= 0:
                    # Each row is added after those before it, so that the size of the blocks has no part in the sums.
                    sums[group] = np.concatenate([sums[group][None], block[rows]]).sum(axis=0)
        return (sums / sizes[:, None]).astype(np.float32)

    @property
    def _bytes(self) -> int:
        return np.dtype(np.float32).itemsize * self.width
