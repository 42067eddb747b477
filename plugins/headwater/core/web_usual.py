"""Events as most pages send them: read by their types, a request at a time.

What is unlike them, valid or not, is left to the judge of `web_events`; what both can read, both read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, MsgspecError, Raw, Struct
from msgspec.json import Decoder

from headwater.contracts.types import EARLIEST
from headwater.contracts.web_events import COORDINATE_LIMIT, MAX_SHORT_TEXT, RefusedError, Visitor
from headwater.core.web_bodies import JSON, TooLargeError, values
from headwater.core.web_events import Reader, decimal, is_usual_time, usual_time
from headwater.core.web_messages import Messages

_UUID_LENGTH = 36
_UUID_DIGITS = 32
_UUID_DASHES = (8, 13, 18, 23)

_Short = Annotated[str, Meta(max_length=MAX_SHORT_TEXT)]
_Name = Annotated[str, Meta(min_length=1, max_length=MAX_SHORT_TEXT)]
_Whole = Annotated[int, Meta(ge=-COORDINATE_LIMIT, le=COORDINATE_LIMIT)]
_Fraction = Annotated[float, Meta(ge=-COORDINATE_LIMIT, le=COORDINATE_LIMIT)]


class _Payload(Struct, gc=False):
    event_title: str | None = None
    element_id: _Short | None = None
    x: _Whole | _Fraction | None = None
    y: _Whole | _Fraction | None = None


class UsualEvent(Struct, gc=False):
    """An event with a UUID of its own and a time."""

    event_id: Annotated[str, Meta(min_length=_UUID_LENGTH, max_length=_UUID_LENGTH)]
    type: _Name
    session_id: _Name
    url: Annotated[str, Meta(min_length=1)]
    created_at: Annotated[str, Meta(min_length=1)]
    user_id: _Short | None = None
    user_email: _Short | None = None
    user_agent: str | None = None
    language: _Short | None = None
    timezone: _Short | None = None
    referrer: str | None = None
    payload: Raw = Raw(b"null")


_decode = Decoder(list[UsualEvent] | UsualEvent).decode
_decode_payload = Decoder(_Payload | None).decode
_NO_PAYLOAD = _Payload()


@dataclass(frozen=True, slots=True)
class Given:
    """What a request brings: events that are all usual, or JSON values of any kind."""

    body: bytes
    content_type: str
    most: int
    usual: Sequence[UsualEvent] | None
    unusual: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.unusual if self.usual is None else self.usual)

    def values(self) -> Sequence[Any]:
        """The JSON values, with all that is in them."""
        return self.unusual if self.usual is None else values(self.body, self.content_type, self.most)


def read_request(body: bytes, content_type: str, most: int) -> Given:
    """What an unpacked body of a known `content_type` brings.

    Raises `UnreadableError` for what is not JSON, `TooLargeError` for more than `most` values.
    """
    usual = _usual_events(body) if content_type in JSON else None
    if usual is None:
        return Given(body, content_type, most, None, values(body, content_type, most))
    if len(usual) > most:
        raise TooLargeError
    return Given(body, content_type, most, usual)


def _usual_events(body: bytes) -> Sequence[UsualEvent] | None:
    try:
        # Bytes are decoded faster; but whether all of a body is UTF-8, only the text says.
        found = _decode(body if body.isascii() else body.decode())
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    events = found if isinstance(found, list) else [found]
    return events if _are_uuids([event.event_id for event in events]) else None


def _are_uuids(texts: Sequence[str]) -> bool:
    """Whether texts as long as UUIDs are UUIDs; asked of all at once, which takes a third of asking each."""
    joined = "".join(texts)
    if any(joined[place::_UUID_LENGTH] != "-" * len(texts) for place in _UUID_DASHES):
        return False
    digits = joined.replace("-", "")
    try:
        # White space would be passed over.
        return 2 * len(bytes.fromhex(digits)) == len(digits) == _UUID_DIGITS * len(texts)
    except ValueError:
        return False


def usual_messages(
    events: Sequence[UsualEvent], reader: Reader, visitor: Visitor, latest: datetime
) -> list[Messages] | None:
    """The messages of events that came from `visitor`, none later than `latest`; None where one is not valid."""
    first_time, last_time = _EARLIEST, usual_time(latest)
    write = reader.mapper.messages
    last: tuple[str | None, ...] = ()
    made: list[Messages] = []
    try:
        for event in events:
            given = (
                event.session_id, event.user_id, event.user_email, event.user_agent, event.language, event.timezone,
            )  # fmt: skip
            if given != last:
                visit, last = reader.visit(given, visitor), given
            time = event.created_at
            if not (is_usual_time(time) and first_time <= time <= last_time):
                return None
            datetime.fromisoformat(time)
            read, payload = _decode_payload(event.payload) or _NO_PAYLOAD, str(event.payload, "utf-8")
            made.append(
                write(
                    event.event_id, f"{time[:10]} {time[11:23]}", event.type, visit, event.url, event.referrer or "",
                    read.event_title or "", read.element_id or "", decimal(read.x), decimal(read.y),
                    # An object with nothing in it has no colon.
                    payload if ":" in payload else "",
                )
            )  # fmt: skip
    except (MsgspecError, ValueError, RefusedError):
        return None
    return made


_EARLIEST = usual_time(EARLIEST)
