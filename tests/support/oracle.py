"""What every table must hold after the main job, computed from the files without any of the platform's SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa

from headwater.contracts.streams import FACT_STREAMS
from headwater.core.verdict import Accepted, Rejected, judge

Facts = list[dict[str, Any]]

_DEVICE = ("os", "os_name", "os_timezone", "device_type", "device_is_mobile", "user_custom_id", "user_domain_id")
_GEO = ("geo_latitude", "geo_longitude", "geo_country", "geo_timezone", "geo_region_name", "ip_address")
_LOCATION = (
    "page_url", "page_url_path", "referer_url", "referer_medium", "utm_medium", "utm_source", "utm_content",
    "utm_campaign",
)  # fmt: skip


@dataclass(frozen=True)
class Oracle:
    """The events of a folder, judged and joined in plain Python; aggregates by DuckDB."""

    staged: Mapping[str, int]
    rejected: Mapping[str, dict[tuple[str, str], int]]
    facts: Facts
    conflicts: int

    @cached_property
    def _db(self) -> duckdb.DuckDBPyConnection:
        db = duckdb.connect()
        rows = [{k: str(v) if isinstance(v, UUID) else v for k, v in fact.items()} for fact in self.facts]
        db.register("facts", pa.Table.from_pylist(rows))
        db.execute("SET TimeZone = 'UTC'")
        return db

    def users(self) -> list[tuple[Any, ...]]:
        """user, address, first, last, events, device and system of the last event."""
        return self._db.execute(
            """
            SELECT user_domain_id,
                   arg_max(user_custom_id, (event_timestamp, event_id)), min(event_timestamp), max(event_timestamp),
                   count(*), arg_max(device_type, (event_timestamp, event_id)), arg_max(os_name, (event_timestamp, event_id))
            FROM facts WHERE user_domain_id IS NOT NULL GROUP BY 1 ORDER BY 1
            """
        ).fetchall()

    def places(self) -> list[tuple[Any, ...]]:
        """Distinct places of the events that have a geo part."""
        return self._db.execute(
            """
            SELECT DISTINCT geo_country, geo_region_name, geo_latitude, geo_longitude, geo_timezone
            FROM facts WHERE has_geo ORDER BY ALL
            """
        ).fetchall()

    def hourly(self) -> list[tuple[Any, ...]]:
        """The hourly aggregate with its exact distinct counts."""
        return self._db.execute(
            """
            SELECT date_trunc('hour', event_timestamp), event_type, browser_name, device_type, geo_country, utm_source,
                   utm_campaign, count(*), count(DISTINCT user_domain_id), count(DISTINCT click_id)
            FROM facts GROUP BY ALL ORDER BY ALL
            """
        ).fetchall()

    def traffic(self) -> list[tuple[Any, ...]]:
        """The daily aggregate of traffic sources."""
        return self._db.execute(
            """
            SELECT CAST(event_timestamp AS DATE), utm_source, utm_medium, utm_campaign, utm_content, referer_medium,
                   count(*), count(DISTINCT user_domain_id), count(DISTINCT click_id)
            FROM facts GROUP BY ALL ORDER BY ALL
            """
        ).fetchall()


def read_folder(folder: Path, now: datetime | None = None) -> Oracle:
    """Judge every line of the four files and join them: the first row by place in the file wins."""
    return read_folders([(folder, timedelta(0))], now)


def read_folders(folders: Iterable[tuple[Path, timedelta]], now: datetime | None = None) -> Oracle:
    """The same over several folders that were loaded one after the other, each moved in time."""
    now = now or datetime.now(UTC)
    accepted: dict[str, Facts] = {name: [] for name in FACT_STREAMS}
    rejected: dict[str, dict[tuple[str, str], int]] = {name: {} for name in FACT_STREAMS}
    for folder, shift in folders:
        for name, stream in FACT_STREAMS.items():
            for raw in (folder / stream.file_name).read_bytes().splitlines():
                if not raw.strip():
                    continue
                verdict = judge(stream, raw, now - shift)
                if isinstance(verdict, Accepted):
                    accepted[name].append(_moved(verdict.row, shift))
                elif isinstance(verdict, Rejected):
                    key = (verdict.reason.value, verdict.field)
                    rejected[name][key] = rejected[name].get(key, 0) + 1
    facts, conflicts = _join(accepted)
    return Oracle({name: len(rows) for name, rows in accepted.items()}, rejected, facts, conflicts)


def _moved(row: dict[str, Any], shift: timedelta) -> dict[str, Any]:
    return {**row, "event_timestamp": row["event_timestamp"] + shift} if "event_timestamp" in row else row


def _join(accepted: Mapping[str, Facts]) -> tuple[Facts, int]:
    devices, geos = _first(accepted["device"], "click_id"), _first(accepted["geo"], "click_id")
    locations = _first(accepted["location"], "event_id")
    events = _first(accepted["browser"], "event_id")
    conflicts = sum(1 for row in accepted["browser"] if row != events[row["event_id"]])
    facts = []
    for event_id, event in events.items():
        device, geo = devices.get(event["click_id"]), geos.get(event["click_id"])
        location = locations.get(event_id)
        fact = {
            **event, **_part(device, _DEVICE), **_part(geo, _GEO), **_part(location, _LOCATION),
            "has_geo": geo is not None,
            "is_complete": None not in (device, geo, location),
        }  # fmt: skip
        facts.append({**fact, "event_timestamp": fact["event_timestamp"].replace(tzinfo=None)})
    return facts, conflicts


def _first(rows: Iterable[dict[str, Any]], key: str) -> dict[UUID, dict[str, Any]]:
    found: dict[UUID, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row[key], row)
    return found


def _part(row: Mapping[str, Any] | None, names: Iterable[str]) -> dict[str, Any]:
    empty = {"device_is_mobile", "user_domain_id", "geo_latitude", "geo_longitude"}
    return {name: row[name] if row is not None else (None if name in empty else "") for name in names}


def as_lines(events: Iterable[Mapping[str, Any]]) -> bytes:
    """Events as a JSONL file."""
    return b"".join(json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in events)
