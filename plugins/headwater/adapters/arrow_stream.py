"""One record batch as an Arrow IPC stream in pieces, sent from where its columns stand."""

from __future__ import annotations

import io
import mmap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.columns import Column


def stream_pieces(columns: Mapping[str, Column]) -> list[memoryview]:
    """The stream of one record batch with these columns, of equal length.

    A chunked column of type binary is written as one array without being joined: joining would touch as much fresh
    memory as it holds.
    """
    chunks: dict[int, Sequence[memoryview]] = {}
    arrays = {name: _joined(column, chunks) for name, column in columns.items()}
    batch = pa.RecordBatch.from_pydict(arrays)
    pieces = _Pieces(chunks)
    with pa.ipc.new_stream(pa.PythonFile(pieces, mode="w"), batch.schema) as writer:
        writer.write_batch(batch)
    return pieces.written


def _joined(column: Column, chunks: dict[int, Sequence[memoryview]]) -> Column:
    if not isinstance(column, pa.ChunkedArray):
        return column
    if not pa.types.is_binary(column.type) or column.null_count or not len(column):
        return column.combine_chunks()
    ends = np.zeros(len(column) + 1, np.int32)
    values, row = [], 0
    for chunk in column.chunks:
        buffers: Sequence[Any] = chunk.buffers()
        offsets = np.frombuffer(buffers[1], np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        ends[row + 1 : row + len(offsets)] = offsets[1:] - offsets[0] + ends[row]
        values.append(memoryview(buffers[2])[offsets[0] : offsets[-1]])
        row += len(chunk)
    # Stands for the values in the description of the batch; nobody reads it, so that it takes no memory.
    stand_in = pa.py_buffer(mmap.mmap(-1, max(int(ends[-1]), 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    chunks[stand_in.address] = values
    offsets_of_all: Any = ends
    return pa.Array.from_buffers(pa.binary(), len(column), [None, pa.py_buffer(offsets_of_all), stand_in])


class _Pieces(io.RawIOBase):
    """A file that keeps what is written to it as it is given, with chunks in place of what stands for them."""

    def __init__(self, chunks: Mapping[int, Sequence[memoryview]]) -> None:
        self.written: list[memoryview] = []
        self._chunks = chunks

    def writable(self) -> bool:
        """It is for writing only."""
        return True

    def write(self, data: Any) -> int:
        """Keep the data, which Arrow gives as bytes or as a buffer of a column."""
        chunks = self._chunks.get(data.address) if isinstance(data, pa.Buffer) else None
        pieces = [memoryview(data)] if chunks is None else chunks
        self.written += pieces
        return sum(piece.nbytes for piece in pieces)
