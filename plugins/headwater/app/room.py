"""How many batches of a backlog one process holds at once, over all the streams that it stores."""

from __future__ import annotations

import threading

# For one stream this is no limit. Several that fill more memory slow each other down, as fresh memory costs time.
_PLACES = 3
# A member that does not ask Kafka for messages loses its partitions in the end, and a full room must not keep it.
_PATIENCE_S = 5.0


class Room:
    """Places for batches: each is taken before its batch is read and given back when that is stored."""

    def __init__(self, places: int = _PLACES, patience_s: float = _PATIENCE_S) -> None:
        self._free = threading.Semaphore(places)
        self._patience_s = patience_s

    def take(self) -> bool:
        """Wait for a place, but not for ever: false when there is none, and the batch is read without."""
        return self._free.acquire(timeout=self._patience_s)

    def give_back(self) -> None:
        """To be called once for each `take` that was true, from any thread."""
        self._free.release()
