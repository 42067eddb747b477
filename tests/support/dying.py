"""Databases that die, sleep or lose rows at a chosen statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headwater.adapters.clickhouse import ClickHouse


class Killed(Exception):
    """Stands for the death of the process."""


class Stepping(ClickHouse):
    """Counts the statements that write, and calls `before` with the number and text of each."""

    def __init__(self, url: str, before: Callable[[int, str], None]) -> None:
        super().__init__(url)
        self.statements_run = 0
        self.before = before

    def execute(self, sql: str, token: str | None = None, parameters: Mapping[str, object] | None = None) -> int:
        """Run one statement after `before` was told of it."""
        self.statements_run += 1
        self.before(self.statements_run, sql)
        return super().execute(sql, token, parameters)


def dying(url: str, statement: int) -> Stepping:
    """Dies before its n-th statement, so that the one before it was carried out."""

    def before(number: int, _sql: str) -> None:
        if number == statement:
            raise Killed

    return Stepping(url, before)


def paused(url: str, statement: int, meanwhile: Callable[[], None]) -> Stepping:
    """Sleeps before its n-th statement while others do `meanwhile`."""

    def before(number: int, _sql: str) -> None:
        if number == statement:
            meanwhile()

    return Stepping(url, before)
