"""Arrow arrays made of NumPy's, without a copy.

`pa.array` and `pa.scalar` look whether they were given something of pandas and load it for that, which costs a process
that has no other use for it 0.15 s of processor time and 40 MB.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# pyarrow has no types.
Column = Any


def numbers(values: NDArray[np.generic], kind: Any) -> Column:
    """An array of `kind`, whose values have the width of those given."""
    data: Any = np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(data)])


def texts(
    data: bytes | NDArray[np.uint8], lengths: NDArray[np.int32], kind: Any, valid: NDArray[np.bool_] | None = None
) -> Column:
    """Values of a `kind` of variable width that stand in `data` one after the other; null where not `valid`."""
    ends: Any = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    held: Any = data
    bits: Any = None if valid is None else np.packbits(valid, bitorder="little")
    nulls = None if bits is None else pa.py_buffer(bits)
    return pa.Array.from_buffers(kind, len(lengths), [nulls, pa.py_buffer(ends), pa.py_buffer(held)])


def repeated_text(value: str, rows: int) -> Column:
    """The same text in every row."""
    data = value.encode()
    return texts(data * rows, np.full(rows, len(data), np.int32), pa.string())


def repeated_bytes(value: bytes, rows: int) -> Column:
    """The same bytes in every row, of fixed width."""
    return pa.Array.from_buffers(pa.binary(len(value)), rows, [None, pa.py_buffer(value * rows)])
