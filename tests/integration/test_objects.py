"""History from a bucket: each object once, broken ones by themselves, facts exact whatever was repeated or cut off."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from uuid import UUID

import psutil
import pytest
import zstandard

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.s3 import S3Objects
from headwater.app.build import Build, BuildLimits
from headwater.app.ingest import Ingest
from headwater.app.load import MAX_LINE_BYTES, Loader, Progress
from headwater.app.objects import Selection, list_objects, load_object
from headwater.app.put_samples import put_samples
from headwater.contracts.streams import FACT_STREAMS, STREAMS
from headwater.core.object_keys import EventObject, StoredObject, object_key, read_key
from headwater.errors import FixSettings
from headwater.ports import BrokenObject, EventLog, FlushLimits
from tests.support.emptied import empty_warehouse
from tests.support.events import an_id, browser, device, geo, location
from tests.support.front import Front
from tests.support.objects import bucket, forbid
from tests.support.staging import Stage

pytestmark = pytest.mark.stack

HOUR = datetime(2026, 5, 1, 10, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data" / "samples"


@pytest.fixture(scope="module")
def server() -> Iterator[S3Objects]:
    """One server for the tests of this module."""
    with bucket() as started:
        yield started


@pytest.fixture
def store(server: S3Objects) -> S3Objects:
    """An empty bucket."""
    client = server._client
    client.delete_bucket_policy(Bucket=server.bucket)
    for stored in list(server.list("")):
        client.delete_object(Bucket=server.bucket, Key=stored.key)
    return server


@pytest.fixture
def stage(warehouse: ClickHouse) -> Stage:
    """An empty warehouse with topics in memory."""
    return Stage(warehouse, partitions=3)


@pytest.fixture(scope="module")
def migrated(front: Front) -> Iterator[ClickHouse]:
    """A warehouse that several tests use."""
    empty_warehouse(front.owner_url)
    owner = ClickHouse(front.owner_url)
    yield owner
    owner.close()


def _zip(*members: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def _lines(*events: bytes) -> bytes:
    return b"".join(event + b"\n" for event in events)


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".zip": lambda content: _zip(("events.jsonl", content)),
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
}


def _put(store: S3Objects, stream: str, content: bytes, suffix: str = ".zip", hour: datetime = HOUR) -> None:
    store.put(object_key(hour, stream, suffix), PACK[suffix](content))


def _loader(stage: Stage) -> Loader:
    return Loader(stage.log, stage.ledger, stage.db, stage.clock)


def _load(stage: Stage, store: S3Objects) -> list[str]:
    """Load everything of the day; what became of each object."""
    outcomes = []
    for each in list_objects(store, Selection(HOUR.replace(hour=0), HOUR + timedelta(hours=14))):
        try:
            loaded = load_object(store, _loader(stage), each)
        except BrokenObject:
            outcomes.append(f"{each.stream} broken")
        else:
            outcomes.append(f"{each.stream} {'skipped' if loaded.skipped else loaded.sent}")
    return outcomes


def _facts(stage: Stage) -> list[str]:
    for stream in STREAMS.values():
        Ingest(stream, stage.log, stage.ledger, stage.clock).drain(FlushLimits())
    Build(stage.db, stage.clock, BuildLimits(grace_s=0)).run()
    rows = stage.db.query("SELECT toString(event_id) AS id FROM analytics.fact_events ORDER BY id")
    return [row["id"] for row in rows]


@pytest.mark.parametrize("suffix", PACK)
def test_objects_of_every_form_become_facts_that_name_them(stage: Stage, store: S3Objects, suffix: str) -> None:
    _put(store, "browser", _lines(browser("e1"), browser("e2")), suffix)
    _put(store, "device", _lines(device()), suffix)
    _put(store, "geo", _lines(geo()), suffix)
    _put(store, "location", _lines(location("e1"), location("e2")), suffix)
    assert _load(stage, store) == ["browser 2", "device 1", "geo 1", "location 2"]
    assert _facts(stage) == sorted([an_id("e1"), an_id("e2")])
    assert stage.count("analytics.fact_events", "is_complete") == 2
    origins = stage.db.query("SELECT DISTINCT source_object AS origin FROM analytics.fact_events")
    assert [row["origin"] for row in origins] == [f"s3://events/{object_key(HOUR, 'browser', suffix)}"]


def test_an_unchanged_object_is_skipped_and_a_changed_one_adds_what_is_new(stage: Stage, store: S3Objects) -> None:
    _put(store, "browser", _lines(browser("e1")))
    assert _load(stage, store) == ["browser 1"]
    assert _load(stage, store) == ["browser skipped"]
    _put(store, "browser", _lines(browser("e1"), browser("e2")))
    assert _load(stage, store) == ["browser 2"]
    assert _load(stage, store) == ["browser skipped"]
    assert _facts(stage) == sorted([an_id("e1"), an_id("e2")])


def test_the_ledger_says_of_each_content_what_it_was_and_when_it_was_sent(stage: Stage, store: S3Objects) -> None:
    """One row per content that was sent in whole; a skipped or a broken object adds none."""
    contents = [_lines(browser("e1")), _lines(browser("e1"), b"x" * (MAX_LINE_BYTES + 1), browser("e2"))]
    written = []
    for content in contents:
        _put(store, "browser", content, "")
        _load(stage, store)
        (stored,) = store.list("")
        written.append((f"s3://events/{stored.key}", stored.etag, stored.size_bytes, stage.clock.now()))
        stage.clock.moment += timedelta(hours=1)
        _load(stage, store)
    store.put(object_key(HOUR, "geo"), b"no zip")
    assert "geo broken" in _load(stage, store)
    rows = stage.db.query("SELECT key, etag, size_bytes, loaded_at FROM ops.loaded_objects ORDER BY loaded_at")
    assert [tuple(row.values()) for row in rows] == [(*before, at.replace(tzinfo=None)) for *before, at in written]
    counts = stage.db.query("SELECT lines, rejects FROM ops.loaded_objects ORDER BY loaded_at")
    assert [tuple(row.values()) for row in counts] == [(1, 0), (2, 1)]


BROKEN = {
    "no zip": (".zip", b"PK\x03\x04 and nothing more"),
    "a damaged zip": (".zip", PACK[".zip"](b"x" * 5_000).replace(b"\x03", b"\x04", 3)),
    "two members": (".zip", _zip(("a.jsonl", b"{}"), ("b.jsonl", b"{}"))),
    "another member": (".zip", _zip(("notes.txt", b"hello"))),
    "no member": (".zip", _zip()),
    "a bomb": (".zip", _zip(("events.jsonl", b" " * 100_000_000))),
    "a cut gzip": (".gz", gzip.compress(_lines(*[browser(f"x{n}") for n in range(500)]))[:-20]),
    "no gzip": (".gz", b"hello"),
    "a cut zst": (".zst", zstandard.compress(_lines(*[browser(f"x{n}") for n in range(500)]))[:-20]),
    "no zst": (".zst", b"hello"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_object_is_told_and_the_others_go_on(migrated: ClickHouse, store: S3Objects, fault: str) -> None:
    stage = Stage(migrated, partitions=3)
    suffix, content = BROKEN[fault]
    store.put(object_key(HOUR, "browser", suffix), content)
    _put(store, "browser", _lines(browser(fault)), hour=HOUR + timedelta(hours=1))
    assert _load(stage, store) == ["browser broken", "browser 1"]
    assert _load(stage, store) == ["browser broken", "browser skipped"], "a broken object is not taken for loaded"
    assert an_id(fault) in _facts(stage)


@pytest.mark.parametrize("became", ["gone", "another one", "forbidden"])
def test_an_object_that_cannot_be_had_is_told_and_the_others_go_on(
    migrated: ClickHouse, store: S3Objects, became: str
) -> None:
    stage = Stage(migrated, partitions=3)
    for hours in (0, 1):
        _put(store, "browser", _lines(browser(f"{became} {hours}")), hour=HOUR + timedelta(hours=hours))
    lost, other = list_objects(store, Selection(HOUR, HOUR + timedelta(hours=2)))
    if became == "gone":
        store._client.delete_object(Bucket=store.bucket, Key=lost.stored.key)
    elif became == "another one":
        _put(store, "browser", _lines(browser("changed")))
    else:
        forbid(store, lost.stored.key)
    with pytest.raises(BrokenObject, match=f"s3://events/{lost.stored.key}"):
        load_object(store, _loader(stage), lost)
    assert load_object(store, _loader(stage), other).sent == 1
    assert an_id(f"{became} 1") in _facts(stage)


def test_a_load_that_dies_anywhere_leaves_each_fact_once(stage: Stage, store: S3Objects) -> None:
    ids = [f"e{number}" for number in range(60_000)]
    _put(store, "browser", _lines(*map(browser, ids)))
    (found,) = list_objects(store, Selection(HOUR, HOUR + timedelta(hours=1)))

    class Died(Exception):
        """Stands for the death of the process."""

    def die(_progress: Progress) -> None:
        raise Died

    for _ in range(2):
        with pytest.raises(Died):
            load_object(store, _loader(stage), found, tell=die)
    assert _load(stage, store) == ["browser 60000"]
    assert len(_facts(stage)) == 60_000


def test_only_hours_and_streams_that_were_asked_for_are_listed(store: S3Objects) -> None:
    for hour in range(22, 27):
        _put(store, "geo", _lines(geo()), hour=HOUR.replace(hour=0) + timedelta(hours=hour))
    _put(store, "device", _lines(device()), hour=HOUR.replace(hour=23))
    for odd in ("year=2026/month=05/day=01/hour=23/other.jsonl", "year=2026/month=05/day=01/hour=99/geo_events.jsonl"):
        store.put(odd, b"")
    start = HOUR.replace(hour=23, minute=30)
    found = list_objects(store, Selection(start, start + timedelta(hours=1, minutes=30), streams=["geo"]))
    assert [(each.stream, each.hour.hour) for each in found] == [("geo", 23), ("geo", 0)]
    with pytest.raises(FixSettings, match="not after its start"):
        Selection(start, start)
    with pytest.raises(FixSettings, match="no objects of interaction"):
        Selection(start, start + timedelta(hours=1), streams=["interaction"])


def test_what_is_not_there_is_told_without_keys(store: S3Objects) -> None:
    missing = EventObject(StoredObject(object_key(HOUR, "geo"), "x", 10), HOUR, "geo", ".zip")
    with pytest.raises(BrokenObject, match="There is no s3://events/") as told, store.open(missing.stored) as file:
        file.read(1)
    assert "secret" not in str(told.value)
    assert read_key(StoredObject("year=2026/month=13/day=01/hour=00/geo_events.jsonl", "", 0), "") is None


def test_the_samples_in_a_bucket_are_the_facts_of_the_files(stage: Stage, store: S3Objects, tmp_path: Path) -> None:
    events = 400
    for stream in FACT_STREAMS.values():
        lines = (SAMPLES / stream.file_name).read_bytes().splitlines(keepends=True)
        (tmp_path / stream.file_name).write_bytes(b"".join(lines[:events]))
    keys = put_samples(store, tmp_path, timedelta(0))
    before = list(store.list(""))
    assert sorted(each.key for each in before) == sorted(keys)
    put_samples(store, tmp_path, timedelta(0))
    assert list(store.list("")) == before, "putting again changes nothing"
    found = list_objects(store, Selection(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)))
    loader = _loader(stage)
    sent = dict.fromkeys(FACT_STREAMS, 0)
    for each in found:
        sent[each.stream] += load_object(store, loader, each).sent
    assert sent == dict.fromkeys(FACT_STREAMS, events)
    assert len(_facts(stage)) == events
    assert stage.count("analytics.fact_events", "NOT is_complete") == 0


class _Nowhere:
    """A log that keeps nothing, so that only the reading takes memory."""

    def epoch(self, _topic: str) -> UUID:
        return UUID(int=7)

    @contextmanager
    def sink(self) -> Iterator[_Nowhere]:
        yield self

    def send_lines(self, *_words: object) -> int:
        """Forgotten."""
        return 0

    def flush(self) -> None:
        """Nothing waits."""


@pytest.mark.long
@pytest.mark.parametrize("suffix", PACK)
def test_memory_does_not_grow_with_the_object(stage: Stage, store: S3Objects, suffix: str) -> None:
    # More than a compressor looks back, so that it is packed as events are.
    lines = _lines(*(browser(f"e{number}") for number in range(40_000)))
    loader = Loader(cast("EventLog", _Nowhere()), stage.ledger, stage.db, stage.clock)
    peaks = []
    for blocks in (1, 40):
        _put(store, "browser", lines * blocks, suffix)
        (found,) = list_objects(store, Selection(HOUR, HOUR + timedelta(hours=1)))
        rss: list[int] = []
        loaded = load_object(store, loader, found, tell=lambda _come, rss=rss: rss.append(_rss()))  # type: ignore[misc]
        assert loaded.sent == 40_000 * blocks
        peaks.append(max(rss) - min(rss))
    assert peaks[1] < peaks[0] + 30_000_000, peaks


def _rss() -> int:
    return psutil.Process().memory_info().rss
