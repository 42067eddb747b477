"""Random choices as a pure function of a seed, a purpose and counters.

Counters instead of a running generator make every visit independent of all others, so that any part can be made
without the rest. Only whole-number arithmetic and single floating-point operations are used, which give the same
result on every machine and in every version of numpy.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Counters = NDArray[np.int64]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def hashed(seed: int, purpose: str, *counters: Counters | Hashes | int) -> Hashes:
    """64 random bits for each combination of counters (arrays of one shape; numbers count for all of it)."""
    state = np.array([_mix_number((seed + zlib.crc32(purpose.encode()) * _GOLDEN) & _MASK)], dtype=np.uint64)
    for counter in counters:
        values = np.asarray(counter).astype(np.uint64)
        state = _mix(state + (np.atleast_1d(values) + np.uint64(1)) * np.uint64(_GOLDEN))
    return state


def fraction(hashes: Hashes) -> NDArray[np.float64]:
    """Numbers in [0, 1)."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def below(hashes: Hashes, limit: int) -> NDArray[np.int64]:
    """Whole numbers in [0, limit), for a limit below 2^32."""
    return (((hashes >> np.uint64(32)) * np.uint64(limit)) >> np.uint64(32)).astype(np.int64)


@dataclass(frozen=True)
class Weights:
    """Whole-number weights of the choices 0, 1, 2, …"""

    values: Sequence[int]

    def pick(self, hashes: Hashes) -> NDArray[np.int64]:
        """One choice for each hash."""
        ends = np.cumsum(np.array(self.values, dtype=np.int64))
        return np.searchsorted(ends, below(hashes, int(ends[-1])), side="right")


def uuids(high: Hashes, low: Hashes) -> list[str]:
    """Random UUIDs (version 4) out of 128 bits each."""
    pairs = np.empty((len(high), 2), dtype=">u8")
    pairs[:, 0] = (high & np.uint64(0xFFFFFFFFFFFF0FFF)) | np.uint64(0x4000)
    pairs[:, 1] = (low & np.uint64(0x3FFFFFFFFFFFFFFF)) | np.uint64(0x8000000000000000)
    digits = pairs.tobytes().hex()
    rows = (digits[i : i + 32] for i in range(0, len(digits), 32))
    return [f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}" for h in rows]


def _mix(values: Hashes) -> Hashes:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _mix_number(value: int) -> int:
    return int(_mix(np.array([value], dtype=np.uint64))[0])
