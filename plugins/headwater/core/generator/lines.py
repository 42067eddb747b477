"""The texts of a visit: what is the same for all its events is written once."""

from __future__ import annotations

import json
from dataclasses import dataclass

from headwater.core.generator.population import (
    DEVICES,
    FIRST_NAMES,
    LAST_NAMES,
    MAIL_HOSTS,
    NETWORKS,
    PLACES,
    SOURCES,
)
from headwater.core.generator.randomness import below, hashed, uuids
from headwater.core.generator.visits import EVENT_TYPES, PAGES, Traits, Visits, traits

_SITE = "https://shop.example"
_NO_MAIL_PERCENT = 6
_NO_COORDINATES_PERCENT = 2


@dataclass(frozen=True, slots=True)
class VisitTexts:
    """JSON of one visit: whole messages for device and geo, and the ends of those for browser and location."""

    click_id: str
    browser_end: str
    device: str
    geo: str
    location_end: str
    has_fraction: bool
    home: str

    def browser(self, event_id: str, timestamp: str, event_type: int) -> str:
        """Message of one event; `timestamp` is `YYYY-MM-DD HH:MM:SS.ffffff`, cut where the visit has no fraction."""
        when = timestamp if self.has_fraction else timestamp[:19]
        kind = EVENT_TYPES[event_type]
        return f'{{"event_id": "{event_id}", "event_timestamp": "{when}", "event_type": "{kind}", {self.browser_end}'

    def location(self, event_id: str, page: int) -> str:
        """Message of the page of one event."""
        path = PAGES[page] if page else self.home
        return (
            f'{{"event_id": "{event_id}", "page_url": "{_SITE}{path}", "page_url_path": "{path}", {self.location_end}'
        )


def visit_texts(seed: int, block: Visits) -> list[VisitTexts]:
    """Texts of every visit of the block."""
    given = traits(seed, block)
    click_ids = uuids(block.clicks, hashed(seed, "click low", block.clicks))
    user_ids = uuids(hashed(seed, "user high", block.users), hashed(seed, "user low", block.users))
    return [
        _texts(click_id, user_id, mail, given, i)
        for i, (click_id, user_id, mail) in enumerate(zip(click_ids, user_ids, _mails(seed, block), strict=True))
    ]


def event_ids(seed: int, block: Visits) -> list[list[str]]:
    """For every visit the ids of its events."""
    ids: list[list[str]] = []
    lengths = block.lengths.tolist()
    high = hashed(seed, "event high", block.numbers)
    steps = max(lengths)
    columns = [uuids(hashed(seed, "event", high, step), hashed(seed, "event low", high, step)) for step in range(steps)]
    ids.extend([columns[step][i] for step in range(length)] for i, length in enumerate(lengths))
    return ids


def _mails(seed: int, block: Visits) -> list[str | None]:
    first = below(hashed(seed, "first name", block.users), len(FIRST_NAMES)).tolist()
    last = below(hashed(seed, "last name", block.users), len(LAST_NAMES)).tolist()
    host = below(hashed(seed, "mail host", block.users), len(MAIL_HOSTS)).tolist()
    share = below(hashed(seed, "no mail", block.users), 100).tolist()
    return [
        None if s < _NO_MAIL_PERCENT else f"{FIRST_NAMES[f]}.{LAST_NAMES[n]}{user}@{MAIL_HOSTS[h]}"
        for f, n, h, s, user in zip(first, last, host, share, block.users.tolist(), strict=True)
    ]


def _texts(click_id: str, user_id: str, mail: str | None, given: Traits, i: int) -> VisitTexts:
    place, device = PLACES[given.places[i]], DEVICES[given.devices[i]]
    version, host, quirk = int(given.versions[i]), int(given.hosts[i]), int(given.quirks[i])
    has_coordinates = quirk >= _NO_COORDINATES_PERCENT
    user_agent = device.user_agent.replace("{v}", str(device.versions[version % len(device.versions)]))
    language = place.language if quirk % 7 else "en_US"
    device_text = {
        "click_id": click_id,
        "os": device.os,
        "os_name": device.os_name,
        "os_timezone": place.timezone if quirk % 12 else "UTC",
        "device_type": device.kind,
        "device_is_mobile": device.is_mobile,
        **({"user_custom_id": mail} if mail else {}),
        "user_domain_id": user_id,
    }
    geo_text = {
        "click_id": click_id,
        "geo_latitude": place.latitude if has_coordinates else "",
        "geo_longitude": place.longitude if has_coordinates else "",
        "geo_country": place.country,
        "geo_timezone": place.timezone,
        "geo_region_name": place.region,
        "ip_address": f"{NETWORKS[host % 3]}.{host // 3 + 1}",
    }
    browser = {
        "click_id": click_id,
        "browser_name": device.browser,
        "browser_language": language,
        "browser_user_agent": user_agent,
    }
    return VisitTexts(
        click_id=click_id,
        browser_end=_json(browser)[1:],
        device=_json(device_text),
        geo=_json(geo_text),
        location_end=_json(_source_fields(int(given.sources[i]), int(given.details[i])))[1:],
        has_fraction=quirk % 10 < 7,
        home="/" if quirk % 5 == 0 else "/home",
    )


def _source_fields(source: int, detail: int) -> dict[str, str | None]:
    """Fields of the way to the shop; what is not known is empty, null or absent, as in production."""
    way = SOURCES[source]
    fields: dict[str, str | None] = {
        "referer_url": way.referer_url,
        "referer_medium": way.referer_medium,
        "utm_medium": way.utm_medium,
        "utm_source": way.utm_source,
        "utm_content": way.contents[detail % len(way.contents)],
        "utm_campaign": way.campaigns[detail % len(way.campaigns)],
    }
    match detail % 3:
        case 0:
            return fields
        case 1:
            return {name: value or None for name, value in fields.items()}
    return {name: value for name, value in fields.items() if value or name == "referer_medium"}


def _json(fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False)
