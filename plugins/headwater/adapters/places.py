"""Places of addresses, by a GeoIP database where one is configured; and addresses as they are kept."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import maxminddb

from headwater.core.web_messages import Locate, Place
from headwater.errors import FixSettings


def open_places(path: Path | None) -> Locate:
    """Look addresses up in the database at `path`; without one, no place is known."""
    if path is None:
        return lambda _address: Place()
    try:
        reader = maxminddb.open_database(path)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise FixSettings(
            f"HEADWATER_COLLECTOR_GEOIP_FILE names {path}, which cannot be read: {error}.", path=path
        ) from error

    @lru_cache(maxsize=10_000)
    def locate(address: str) -> Place:
        try:
            found = reader.get(address)
        except ValueError:
            return Place()
        return _place(found) if isinstance(found, Mapping) else Place()

    return locate


def _place(found: Mapping[str, Any]) -> Place:
    location = found.get("location") or {}
    regions = found.get("subdivisions") or [{}]
    return Place(
        str((found.get("country") or {}).get("iso_code") or ""),
        str((regions[0].get("names") or {}).get("en") or ""),
        str(location.get("time_zone") or ""),
        location.get("latitude"),
        location.get("longitude"),
    )


def shown_addresses(how: str) -> Callable[[str], str]:
    """Addresses in full, cut to their network, or not at all."""
    forms: dict[str, Callable[[str], str]] = {"full": str, "cut": _cut, "none": lambda _address: ""}
    return forms[how]


def _cut(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    network = ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False)
    return str(network.network_address)
