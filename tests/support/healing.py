"""How long a stack may take to heal, on whatever machine the tests run."""

from __future__ import annotations

from pathlib import Path

from headwater.local.stack import Stack

_HEAL_S = 60.0
# A whole start takes 22 s where healing is to take a minute at most.
_STARTS = 2.0
start_s: dict[Path, float] = {}


def heal_s(stack: Stack) -> float:
    """A minute; on a machine so slow that a start takes over half of one, twice that start."""
    return max(_HEAL_S, _STARTS * start_s.get(stack.layout.home, 0.0))
