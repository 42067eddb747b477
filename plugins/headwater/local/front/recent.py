"""What was worked out for the statements that came lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

_LONGEST = 1 << 14


class Recent(Generic[T]):
    """Values by key, of the keys used last; what belongs to long statements is not kept."""

    def __init__(self, size: int = 512) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable) -> T | None:
        """The value, if it is still known."""
        return self._values.get(key)

    def keep(self, sql: str, key: Hashable, value: T) -> T:
        """Keep and return the value that was worked out for `sql`."""
        if len(sql) < _LONGEST:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value
