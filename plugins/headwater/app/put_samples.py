"""Put a folder of events into a bucket, hour by hour, in the layout that `load_from_s3` reads."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from headwater.app.event_files import find_files, opened
from headwater.app.load import MAX_LINE_BYTES
from headwater.contracts.streams import FACT_STREAMS
from headwater.core.lines import cut_lines, event_time, shift_time
from headwater.core.object_keys import object_key
from headwater.ports import ObjectStore

_TIME_FIELD = "event_timestamp"


def put_samples(
    store: ObjectStore, folder: Path, shift: timedelta, prefix: str = "", hours_per_object: int = 1
) -> list[str]:
    """Store the four files of `folder`, whose n-th lines belong to one event; returns the keys.

    Times are moved by `shift`, so that these events are the ones that the DAG `init_data_pipeline` loads. An object has
    the key of the first of its hours, counted from midnight.
    """
    files = find_files(folder)
    lines = {name: _lines(files[name]) for name in FACT_STREAMS}
    objects: defaultdict[tuple[datetime, str], list[bytes]] = defaultdict(list)
    for number, raw in enumerate(lines["browser"]):
        at = event_time(raw, _TIME_FIELD)
        if at is None:
            continue
        moved = at + shift
        first = moved.hour - moved.hour % hours_per_object
        hour = moved.replace(hour=first, minute=0, second=0, microsecond=0, tzinfo=UTC)
        for name in FACT_STREAMS:
            line = lines[name][number]
            objects[hour, name].append(shift_time(line, _TIME_FIELD, shift) if name == "browser" and shift else line)
    keys = []
    for (hour, name), content in sorted(objects.items()):
        key = object_key(hour, name, prefix=prefix)
        store.put(key, _zipped(f"{name}_events.jsonl", b"\n".join(content) + b"\n"))
        keys.append(key)
    return keys


def _lines(path: Path) -> list[bytes]:
    with opened(path) as file:
        return [line.raw for line in cut_lines(file.bytes, MAX_LINE_BYTES)]


def _zipped(name: str, content: bytes) -> bytes:
    """A zip of one member; the same content gives the same bytes, so that putting it again changes nothing."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
