"""The loops over messages of Kafka, compiled: messages as columns, and lines as messages.

Everything else goes the client's way: membership, assignment, seeking, commits, flushing. Where the code is not built
(`make setup` does, where there is a C compiler), objects of the client do the same at a higher price.
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
import sys
from collections.abc import Callable, Collection, Sequence
from functools import cache
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, KafkaException
from numpy.typing import NDArray

from headwater.adapters.kafka_errors import translate
from headwater.adapters.kafka_messages import Consumed
from headwater.adapters.kafka_origins import LINE_HEADER, ORIGIN_HEADER, place_columns
from headwater.core.columns import Column, texts
from headwater.errors import Retry

SOURCE = Path(__file__).with_name("kafka_native.c")

# `row_t`
_ROW = np.dtype(
    [
        ("offset", np.int64), ("time_ms", np.int64), ("partition", np.int32), ("error", np.int32), ("size", np.int32),
        ("line_size", np.int32), ("origin_size", np.int32),
    ],
    align=True,
)  # fmt: skip
# Of the largest number of a line, with room for the end that C's texts have.
_DIGITS = 21
_SIZES = ("size", "line_size", "origin_size")


def client_library() -> Path | None:
    """The librdkafka that the client's wheel brought; None where there is none or another kind of wheel."""
    for file in metadata.files("confluent-kafka") or []:
        if file.name.startswith("librdkafka-") and ".so" in file.name:
            return Path(str(file.locate()))
    return None


@cache
def built_library() -> Path | None:
    """Where the code stands when it is built, by what it was made of; None where it cannot be."""
    client = client_library()
    if client is None:
        return None
    digest = hashlib.sha256(SOURCE.read_bytes() + f"{client.name} {platform.machine()}".encode()).hexdigest()[:16]
    return Path(sys.prefix) / "lib" / "headwater" / f"kafka_native-{digest}.so"


@cache
def library() -> Any:
    """The code, loaded; None where it is not built."""
    path = built_library()
    if path is None or not path.exists():
        return None
    code = ctypes.CDLL(str(path))
    code.hw_open.restype = ctypes.c_void_p
    code.hw_open.argtypes = [ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    code.hw_lead.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int]
    code.hw_read.restype = ctypes.c_ssize_t
    code.hw_read.argtypes = [ctypes.c_void_p, ctypes.c_int]
    code.hw_take.restype = None
    code.hw_take.argtypes = [ctypes.c_void_p] * 4
    code.hw_close.restype = None
    code.hw_close.argtypes = [ctypes.c_void_p]
    code.hw_sender.restype = ctypes.c_void_p
    code.hw_failure.argtypes = [ctypes.c_void_p]
    code.hw_send.restype = ctypes.c_size_t
    code.hw_send.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p,
        ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p,
    ]  # fmt: skip
    return code


def plugin() -> dict[str, str]:
    """Settings of a consumer whose messages are to be read here, or of a producer whose lines are to be sent here."""
    return {"plugin.library.paths": str(built_library())}


class NativeMessages:
    """Messages of the consumer that this thread has just made with the settings of `plugin`."""

    most = 2_000
    can_choose = True

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic
        self._code = library()
        # Kept here, as the code only points to them.
        self._rows = np.zeros(self.most, _ROW)
        self._names = LINE_HEADER.encode(), ORIGIN_HEADER.encode()
        self._reader = self._code.hw_open(self.most, self._rows.ctypes.data, *self._names)
        if not self._reader:
            raise RuntimeError("this thread has made no consumer with the plugin")
        self._led: set[int] = set()

    def lead_here(self, partitions: Collection[int]) -> None:
        """Of the partitions, only these are read from now on. Called with a new one before it is assigned."""
        if not self._reader:  # the consumer is being closed
            return
        wanted = set(partitions)
        for partition in sorted(wanted ^ self._led):
            if not self._code.hw_lead(self._reader, self._topic.encode(), partition, partition in wanted):
                raise Retry(
                    f"The client of Kafka does not know {self._topic}[{partition}]. Look at `headwater status`."
                )
        self._led = wanted

    def read(self, timeout_s: float) -> Sequence[tuple[int, Consumed]]:
        """What comes through the queues of the partitions that were led here."""
        if not self._reader:
            raise RuntimeError("this consumer was left")
        # The rest of what comes to a consumer: assignments, which call back, and errors of the whole.
        other = self._consumer.poll(0)
        if other is not None:
            error = other.error() or KafkaError(KafkaError._INVALID_ARG, "a message came past its queue")  # noqa: SLF001
            raise translate(KafkaException(error), self._topic)
        count = self._code.hw_read(self._reader, round(timeout_s * 1000))
        rows = self._rows[:count]
        data = {name: np.empty(_total(rows[name]), np.uint8) for name in _SIZES}
        self._code.hw_take(self._reader, *(data[name].ctypes.data for name in _SIZES))
        self._raise_first_error(rows, data["size"])
        return _by_partition(rows, data) if count else []

    def _raise_first_error(self, rows: NDArray[Any], values: NDArray[np.uint8]) -> None:
        failed = np.flatnonzero(rows["error"])
        if len(failed):
            first = int(failed[0])
            begin = int(rows["size"][:first].sum())
            text = bytes(values[begin : begin + int(rows["size"][first])]).decode(errors="replace")
            raise translate(KafkaException(KafkaError(int(rows["error"][first]), text or None)), self._topic)

    def close(self) -> None:
        """Called before the consumer is closed."""
        self._code.hw_close(self._reader)
        self._reader = None


def _total(sizes: NDArray[np.int32]) -> int:
    return int(np.maximum(sizes, 0).sum(dtype=np.int64))


def _by_partition(rows: NDArray[Any], data: dict[str, NDArray[np.uint8]]) -> Sequence[tuple[int, Consumed]]:
    partitions = rows["partition"]
    cuts = [0, *(np.flatnonzero(np.diff(partitions)) + 1).tolist(), len(rows)]
    columns = [_column(rows[name], data[name]) for name in _SIZES]
    found = []
    for begin, end in pairwise(cuts):
        run = rows[begin:end]
        values, lines, origins = (None if column is None else column[begin:end] for column in columns)
        found.append(
            (
                int(partitions[begin]),
                Consumed(
                    values, int(run["size"].sum(dtype=np.int64)), run["offset"].copy(), run["time_ms"].copy(),
                    *place_columns(len(run), lines, origins),
                ),
            )
        )  # fmt: skip
    return found


def _column(sizes: NDArray[np.int32], data: NDArray[np.uint8]) -> Column | None:
    """Values of these sizes, null where it is -1; None where all are."""
    absent = sizes < 0
    if absent.all():
        return None
    return texts(data, np.maximum(sizes, 0), pa.binary(), ~absent if absent.any() else None)


class _Cursor(ctypes.Structure):
    """`cursor_t`"""

    _fields_ = (("position", ctypes.c_size_t), ("number", ctypes.c_int64))


class NativeLines:
    """Lines for the producer that this thread has just made with the settings of `plugin`.

    What the producer did not deliver is told by `failure`, not by callbacks of the client.
    """

    def __init__(self) -> None:
        self._code = library()
        self._sender = self._code.hw_sender()
        if not self._sender:
            raise RuntimeError("this thread has made no producer with the plugin")

    @property
    def failure(self) -> KafkaError | None:
        """The error of a message that Kafka did not keep."""
        code = self._code.hw_failure(self._sender)
        return KafkaError(code) if code else None

    def send(self, topic: str, field: str, text: bytes, origin: str, first: int, when_full: Callable[[], None]) -> int:
        """Queue one message per line that is not blank, keyed by its string field, with its place in a header.

        Calls `when_full` until there is room again. Returns how many lines that were.
        """
        prefix, error, cursor = f"{origin}:".encode(), ctypes.c_int(), _Cursor(0, first)
        place = ctypes.create_string_buffer(prefix, len(prefix) + _DIGITS)
        sent = 0
        while cursor.position < len(text):
            sent += self._code.hw_send(
                self._sender, topic.encode(), text, len(text), ctypes.byref(cursor), f'"{field}"'.encode(),
                LINE_HEADER.encode(), place, len(prefix), ctypes.byref(error),
            )  # fmt: skip
            if error.value:
                raise KafkaException(KafkaError(error.value))
            if cursor.position < len(text):
                when_full()
        return sent
