"""Places of addresses, and addresses as they are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import maxminddb
import pytest

from headwater.adapters.places import open_places, shown_addresses
from headwater.core.web_messages import Place
from headwater.errors import FixSettings

_BERLIN = {
    "country": {"iso_code": "DE"},
    "subdivisions": [{"names": {"de": "Berlin", "en": "Land Berlin"}}],
    "location": {"latitude": 52.52, "longitude": 13.405, "time_zone": "Europe/Berlin"},
}


class _Reader:
    """Stands for a database."""

    def get(self, address: str) -> Any:
        """As maxminddb does: a mapping, None, or an error for what is no address."""
        if address == "no address":
            raise ValueError
        return {"192.0.2.7": _BERLIN, "192.0.2.8": {"country": {"iso_code": "FR"}}, "192.0.2.9": "odd"}.get(address)


def test_what_the_database_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maxminddb, "open_database", lambda _path: _Reader())
    locate = open_places(Path("cities.mmdb"))
    assert locate("192.0.2.7") == Place("DE", "Land Berlin", "Europe/Berlin", 52.52, 13.405)
    assert locate("192.0.2.8") == Place("FR")
    for unknown in ("192.0.2.1", "192.0.2.9", "no address"):
        assert locate(unknown) == Place()


def test_without_a_database_no_place_is_known() -> None:
    assert open_places(None)("192.0.2.7") == Place()


def test_a_database_that_cannot_be_read_is_a_matter_of_settings(tmp_path: Path) -> None:
    broken = tmp_path / "x.mmdb"
    broken.write_bytes(b"no database")
    for path in (broken, tmp_path / "missing.mmdb"):
        with pytest.raises(FixSettings, match="HEADWATER_COLLECTOR_GEOIP_FILE"):
            open_places(path)


@pytest.mark.parametrize(
    ("how", "address", "shown"),
    [
        ("full", "192.0.2.77", "192.0.2.77"),
        ("cut", "192.0.2.77", "192.0.2.0"),
        ("cut", "2001:db8:1:2:3::4", "2001:db8:1::"),
        ("cut", "testclient", ""),
        ("none", "192.0.2.77", ""),
    ],
)
def test_addresses_are_kept_as_the_settings_say(how: str, address: str, shown: str) -> None:
    assert shown_addresses(how)(address) == shown
