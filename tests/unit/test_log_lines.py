"""Log lines of commands that run on."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from headwater.entrypoints.log_lines import JsonLines, PlainLines


def _record(message: str, *arguments: object, **more: Any) -> logging.LogRecord:
    record = logging.LogRecord("headwater.consumer", logging.WARNING, __file__, 1, message, arguments, None)
    record.__dict__.update(more)
    return record


def test_a_line_is_one_json_object_with_time_level_event_and_facts() -> None:
    text = JsonLines().format(_record("repaired", facts={"stream": "geo", "partition": 2, "insert_s": 0.25}))
    assert "\n" not in text
    line = json.loads(text)
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "warning", "event": "repaired", "stream": "geo", "partition": 2, "insert_s": 0.25}


def test_messages_of_other_loggers_fit_into_the_same_form() -> None:
    line = json.loads(JsonLines().format(_record("offset %d of %s not committed", 7, "geo_events\nx")))
    assert line["event"] == "offset 7 of geo_events\nx not committed"


def test_a_traceback_stays_within_its_line() -> None:
    try:
        int("no")
    except ValueError:
        text = JsonLines().format(_record("failed", exc_info=sys.exc_info()))
    assert "\n" not in text
    assert "ValueError: invalid literal" in json.loads(text)["traceback"]


def test_on_a_terminal_the_same_is_readable() -> None:
    text = PlainLines().format(_record("stored", facts={"stream": "geo", "messages": 12}))
    assert text.endswith("warning stored stream=geo messages=12")
