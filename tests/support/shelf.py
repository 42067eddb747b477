"""Objects in memory, as a store: for tests whose subject is what becomes of them, not S3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import BinaryIO

from headwater.contracts.streams import FACT_STREAMS
from headwater.core.object_keys import EventObject, StoredObject, object_key, read_key

# Lines of an hour and stream.
Content = Mapping[tuple[datetime, str], Sequence[bytes]]


@dataclass
class Shelf:
    """Objects in memory, as a store."""

    bucket: str = "events"
    bodies: dict[str, bytes] = field(default_factory=dict)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        for key, body in sorted(self.bodies.items()):
            if key.startswith(prefix):
                yield StoredObject(key, f"etag {hash(body)}", len(body))

    @contextmanager
    def open(self, stored: StoredObject) -> Iterator[BinaryIO]:
        yield BytesIO(self.bodies[stored.key])

    def put(self, key: str, body: bytes) -> None:
        self.bodies[key] = body

    def fill(self, content: Content) -> None:
        """Put the lines of each hour and stream."""
        for (hour, stream), lines in content.items():
            self.put(object_key(hour, stream, ""), b"".join(line + b"\n" for line in lines))

    def objects(
        self, hour: datetime | None = None, streams: Sequence[str] = tuple(FACT_STREAMS)
    ) -> Sequence[EventObject]:
        """Those of one hour, or all."""
        found = [each for stored in self.list("") if (each := read_key(stored, "")) is not None]
        return [each for each in found if each.stream in streams and hour in (None, each.hour)]
