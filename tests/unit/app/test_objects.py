"""Damaged objects: whatever became of their bytes, they are read to the end or told as broken."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import zstandard

from headwater.app.objects import _opened
from headwater.core.object_keys import object_key
from headwater.ports import BrokenObject
from tests.support.events import browser
from tests.support.shelf import Shelf

HOUR = datetime(2026, 5, 1, 10, tzinfo=UTC)
CONTENT = b"".join(browser(f"e{number}") + b"\n" for number in range(30))
_ROUNDS = 400


def _zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("browser_events.jsonl", content)
    return packed.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {".zip": _zip, ".gz": gzip.compress, ".zst": zstandard.compress}


def _read(suffix: str, body: bytes) -> bytes:
    shelf = Shelf()
    shelf.put(object_key(HOUR, "browser", suffix), body)
    (found,) = shelf.objects()
    with _opened(shelf, found, found.stored.key) as file:
        return b"".join(iter(lambda: file.bytes.read(1 << 16), b""))


def _damaged(body: bytes, chance: random.Random) -> bytes:
    """Some bits turned over, a piece cut out, or the end cut off."""
    changed = bytearray(body)
    match chance.randrange(4):
        case 0:
            del changed[chance.randrange(len(changed)) :]
        case 1:
            start = chance.randrange(len(changed))
            del changed[start : start + chance.randrange(1, 40)]
        case _:
            # Heads and directories are short, and more depends on them.
            for _ in range(chance.randrange(1, 4)):
                place = chance.choice(
                    [chance.randrange(60), -1 - chance.randrange(120), chance.randrange(len(changed))]
                )
                changed[place] ^= 1 << chance.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("suffix", PACK)
def test_a_damaged_archive_is_told_as_broken_and_nothing_else(suffix: str) -> None:
    body = PACK[suffix](CONTENT)
    assert _read(suffix, body) == CONTENT
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    broken = 0
    for number in range(_ROUNDS):
        try:
            _read(suffix, _damaged(body, chance))
        except BrokenObject:
            broken += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}, round {number}: {error!r}") from error
    assert broken > _ROUNDS // 4, f"seed {seed}"


def test_what_goes_wrong_with_the_lines_is_no_fault_of_the_object() -> None:
    shelf = Shelf()
    shelf.put(object_key(HOUR, "browser", ".gz"), gzip.compress(CONTENT))
    (found,) = shelf.objects()
    with pytest.raises(OSError, match="the disk is full"), _opened(shelf, found, found.stored.key):
        raise OSError("the disk is full")
