"""Dashboards as a person sees them: opened in Chromium as the analyst, with everything that was asked and answered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response, sync_playwright
from playwright.sync_api import TimeoutError as TooLong

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDTH = 1440
# The first page of a server just started loads all of Superset's own code; a machine in want of processors takes long over it.
_FRAME_S = 180.0
_DRAWN_S = 60.0
# Superset counts its visitors with a picture from elsewhere, which the page's own policy blocks, and offers the colours
# that it chose for new labels to the dashboard, which only its owner may change.
_EXPECTED = ("apachesuperset.gateway.scarf.sh", "/colors?mark_updated=false")
CHARTS = ".dashboard-component-chart-holder"


@dataclass
class Answer:
    """One question of a chart and its answer."""

    chart_id: int
    payload: Mapping[str, Any]
    status: int
    body: Mapping[str, Any]


@dataclass
class Seen:
    """What opening one dashboard showed."""

    answers: list[Answer] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    charts: int = 0
    error_boxes: list[str] = field(default_factory=list)
    empty_boxes: int = 0
    drawn_s: float = 0.0


def chromium() -> str | None:
    """Path of the system's Chromium; where it is missing it is installed: as root Debian's, else Playwright's own (None)."""
    if found := _system_s():
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for words in (("update", "-qq"), ("install", "-y", "-qq", "chromium")):
            subprocess.run(["apt-get", *words], check=True, capture_output=True, timeout=600)
        return _system_s()
    install = [sys.executable, "-m", "playwright", "install", "chromium"]
    subprocess.run(install, check=True, capture_output=True, timeout=600)
    return None


def _system_s() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield started
        started.close()


class Visit:
    """One person in one window."""

    def __init__(self, browser: Browser, url: str, user: str, password: str) -> None:
        self.url = url
        self.page: Page = browser.new_context(viewport={"width": WIDTH, "height": 1000}).new_page()
        self.seen = Seen()
        self._open: list[str] = []
        self._failed: list[str] = []
        self.page.on("request", lambda request: self._open.append(request.url))
        self.page.on("requestfinished", self._end)
        self.page.on("requestfailed", self._fail)
        self.page.on("response", self._take)
        self.page.on("console", self._hear)
        self.page.goto(f"{url}/login/")
        self.page.fill("#username", user)
        self.page.fill("#password", password)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/welcome/**", timeout=60_000)

    def open(self, slug: str, time_range: str = "") -> Seen:
        """Open a dashboard (with this range instead of its own) and wait until all of its charts are drawn."""
        self.page.goto("about:blank")
        self.seen = Seen()
        self._open, self._failed = [], []
        began = time.monotonic()
        self.page.goto(f"{self.url}/superset/dashboard/{slug}/{_chosen(time_range) if time_range else ''}")
        self._wait_frame()
        self.wait_drawn()
        self.seen.drawn_s = time.monotonic() - began
        self.seen.charts = self.page.locator(CHARTS).count()
        self.seen.error_boxes = self.page.locator(".ant-alert-error").all_inner_texts()
        self.seen.empty_boxes = self.page.get_by_text("No results were returned for this query").count()
        return self.seen

    def _wait_frame(self) -> None:
        """Wait for the dashboard's frame; the error says what the page shows instead, and what went wrong on the way."""
        try:
            self.page.wait_for_selector(CHARTS, timeout=_FRAME_S * 1000)
        except TooLong as error:
            shown = self.page.locator("body").inner_text()[:500]
            told = f"No dashboard after {_FRAME_S:.0f} s at {self.page.url}, but: {shown!r}"
            raise AssertionError(
                f"{told}; still asked for: {self._open}; failed: {self._failed}; problems: {self.seen.problems}"
            ) from error

    def wait_drawn(self) -> None:
        """Wait until nothing loads any more, for half a second without a pause."""
        deadline = time.monotonic() + _DRAWN_S
        quiet = 0
        while quiet < 3:
            assert time.monotonic() < deadline, f"{self.page.url} still loads after {_DRAWN_S:.0f} s."
            self.page.wait_for_timeout(170)
            loading = self.page.locator('[data-test="loading-indicator"], .loading').count()
            drawn = self.page.locator(f"{CHARTS} .slice_container").count()
            quiet = quiet + 1 if drawn and not loading else 0

    def picture(self, path: Path) -> None:
        """Write what the whole dashboard looks like."""
        height = self.page.evaluate("(document.querySelector('.grid-container') || document.body).scrollHeight")
        self.page.set_viewport_size({"width": WIDTH, "height": int(height) + 200})
        self.page.wait_for_timeout(1500)
        self.page.screenshot(path=path)
        self.page.set_viewport_size({"width": WIDTH, "height": 1000})

    def _end(self, request: Request) -> None:
        with suppress(ValueError):  # asked for before this window listened
            self._open.remove(request.url)

    def _fail(self, request: Request) -> None:
        self._end(request)
        self._failed.append(f"{request.url}: {request.failure}")

    def _take(self, response: Response) -> None:
        if "/api/v1/chart/data" in response.url and response.request.method == "POST":
            with suppress(Error):  # the window has moved on
                payload = json.loads(response.request.post_data or "{}")
                body = response.json() if response.ok else {"error": response.text()}
                chart_id = int(payload.get("form_data", {}).get("slice_id") or 0)
                self.seen.answers.append(Answer(chart_id, payload, response.status, body))
        if "/superset/explore_json/" in response.url:
            with suppress(Error):
                self.seen.answers.append(_of_world_map(response))
        if response.status >= 400 and not any(known in response.url for known in _EXPECTED):
            self.seen.problems.append(f"{response.status} {response.url}")

    def _hear(self, message: ConsoleMessage) -> None:
        # Answers of 400 and above are heard by their address, above.
        known = ("Failed to load resource", *_EXPECTED)
        if message.type == "error" and not any(each in message.text for each in known):
            self.seen.problems.append(message.text)


def _chosen(time_range: str) -> str:
    """The part of an address that sets the time filter."""
    name, value = "NATIVE_FILTER-time", f"'{time_range}'"
    mask = f"extraFormData:(time_range:{value}),filterState:(value:{value}),id:{name},ownState:()"
    return "?" + urlencode({"native_filters": f"({name}:({mask}))"})


def _of_world_map(response: Response) -> Answer:
    """The world map still uses Superset's first API: its answer, and the question for the second, in their usual form."""
    if not response.ok:
        return Answer(0, {}, response.status, {"error": response.text()})
    body = response.json()
    form = body["form_data"]
    entity, metrics = form["entity"], (form["metric"], form["secondary_metric"])
    number, kind = form["datasource"].split("__")
    query = {
        "columns": [entity],
        "metrics": list(metrics),
        "filters": form["filters"],
        "time_range": form["time_range"],
        # The map has no place for the unknown.
        "extras": {"where": f"{entity} != '(unknown)'"},
        "row_limit": form["row_limit"],
    }
    payload = {
        "datasource": {"id": int(number), "type": kind},
        "queries": [query],
        "form_data": form,
        "result_format": "json",
        "result_type": "full",
    }
    rows = [{entity: row["code"], metrics[0]: row["m1"], metrics[1]: row["m2"]} for row in body["data"]]
    return Answer(int(form["slice_id"]), payload, response.status, {"result": [{**body, "data": rows}]})
