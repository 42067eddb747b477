"""Messages of the streams that one web event becomes; what repeats within a visit is written once."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import NamedTuple

from headwater.contracts.rejects import RejectReason
from headwater.contracts.web_events import MAX_EVENT_BYTES, RefusedError, Visit
from headwater.core.user_agents import read_agent
from headwater.core.web_pages import read_page

_REMEMBERED_LENGTH = 1_000


class Place(NamedTuple):
    """Where an address is, as far as it is known."""

    country: str = ""
    region: str = ""
    timezone: str = ""
    latitude: float | None = None
    longitude: float | None = None


class VisitMessages(NamedTuple):
    """What all events of a visit share: its key, the messages of device and geo, the end of the browser message."""

    click_id: str
    device: str
    geo: str
    browser_end: str


# What an event becomes: its visit, its id, and the messages of browser, location and interaction; all of it is ASCII.
# Keys are the visit's `click_id`, for location the id. One is made per event, and a named tuple costs as much as two
# of its messages.
Messages = tuple[VisitMessages, str, str, str, str]
Locate = Callable[[str], Place]


class Mapper:
    """Writes messages; `locate` gives the place of an address, `shown` the form in which addresses are kept."""

    def __init__(self, locate: Locate, shown: Callable[[str], str] = str) -> None:
        self._locate = locate
        self._shown = shown
        self._known_visit = lru_cache(maxsize=10_000)(self._visit)

    def visit(self, visit: Visit) -> VisitMessages:
        """What a visit's events have in common."""
        return (self._known_visit if len(visit.user_agent) <= _REMEMBERED_LENGTH else self._visit)(visit)

    def messages(
        self,
        event_id: str,
        at: str,
        event_type: str,
        visit: VisitMessages,
        url: str,
        referrer: str,
        title: str,
        element: str,
        x: str,
        y: str,
        payload: str,
    ) -> Messages:
        """The messages of a valid event: `at` as the contract writes times, `x` and `y` as numbers or empty, `payload`
        as JSON or empty.

        Raises `RefusedError` where the address cannot be taken apart or the messages are too large.
        """
        write = _known_page if len(url) + len(referrer) <= _REMEMBERED_LENGTH else _page
        location_end, path = write(url, referrer)
        kind = _quoted(event_type)
        left = f'"x":"{x}",' if x else ""
        top = f'"y":"{y}",' if y else ""
        browser = f'{{"event_id":"{event_id}","event_timestamp":"{at}","event_type":{kind},{visit.browser_end}'
        location = f'{{"event_id":"{event_id}",{location_end}'
        interaction = (
            f'{{"event_id":"{event_id}","click_id":"{visit.click_id}","event_type":{kind},'
            f'"event_title":{_quoted(title)},"element_id":{_quoted(element)},{left}{top}'
            f'"payload":{_quoted(payload)},"event_timestamp":"{at}","page_url_path":{path}}}'
        )
        if len(browser) + len(location) + len(interaction) > MAX_EVENT_BYTES:
            raise RefusedError(RejectReason.TOO_LARGE, "", f"over {MAX_EVENT_BYTES} bytes as messages")
        return visit, event_id, browser, location, interaction

    def _visit(self, visit: Visit) -> VisitMessages:
        agent = read_agent(visit.user_agent)
        place = self._locate(visit.address)
        device = {
            "click_id": visit.click_id,
            "os": agent.os,
            "os_name": agent.os_name,
            "os_timezone": visit.timezone,
            "device_type": agent.device_type,
            **({} if agent.is_mobile is None else {"device_is_mobile": agent.is_mobile}),
            "user_custom_id": visit.user_email,
            "user_domain_id": visit.user_id,
        }
        numbers = [(n, v) for n, v in (("latitude", place.latitude), ("longitude", place.longitude)) if v is not None]
        geo = {
            "click_id": visit.click_id,
            **{f"geo_{name}": str(value) for name, value in numbers},
            "geo_country": place.country,
            "geo_timezone": place.timezone,
            "geo_region_name": place.region,
            "ip_address": self._shown(visit.address),
        }
        return VisitMessages(
            visit.click_id,
            json.dumps(device, separators=(",", ":")),
            json.dumps(geo, separators=(",", ":")),
            f'"click_id":"{visit.click_id}","browser_name":{_quoted(agent.browser_name)},'
            f'"browser_language":{_quoted(visit.language)},"browser_user_agent":{_quoted(visit.user_agent)}}}',
        )


def _page(url: str, referrer: str) -> tuple[str, str]:
    """The end of the location message, and the path as JSON."""
    try:
        page = read_page(url, referrer)
    except ValueError:
        raise RefusedError(RejectReason.WRONG_TYPE, "url", "expected a URL") from None
    path = _quoted(page.path)
    end = (
        f'"page_url":{_quoted(url)},"page_url_path":{path},"referer_url":{_quoted(page.referer_url)},'
        f'"referer_medium":"{page.referer_medium}","utm_medium":{_quoted(page.utm_medium)},'
        f'"utm_source":{_quoted(page.utm_source)},"utm_content":{_quoted(page.utm_content)},'
        f'"utm_campaign":{_quoted(page.utm_campaign)}}}'
    )
    return end, path


_known_page = lru_cache(maxsize=4_096)(_page)
