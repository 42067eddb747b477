"""Which days one correction takes, and how the shadows that it swaps in are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

MAX_DAYS = 20
MAX_FACTS = 3_000_000
MAX_SHEET_ROWS = 1_000_000
MAX_IDS = 500


@dataclass(frozen=True, slots=True)
class DueDay:
    """A day that a correction would change: the facts that get a part, and all facts of the day."""

    day: date
    events: int
    rows: int


def first_days(due: Sequence[DueDay], max_days: int = MAX_DAYS, max_facts: int = MAX_FACTS) -> Sequence[DueDay]:
    """The oldest days that one plan takes: at least one, and no more than its shadows should hold at once."""
    chosen: list[DueDay] = []
    for day in sorted(due, key=lambda d: d.day):
        if chosen and (len(chosen) == max_days or sum(d.rows for d in chosen) + day.rows > max_facts):
            break
        chosen.append(day)
    return chosen


def pieces_for(rows: int) -> int:
    """Inserts that a work sheet of so many rows is made by, so that each stays one block."""
    return max(1, -(-rows // MAX_SHEET_ROWS))


def shadow_name(plan: int, attempt: str, table: str) -> str:
    """Name of a shadow in `ops`: of one plan, one attempt and one table, so that a worker swaps only its own."""
    return f"shadow_{plan}_{attempt}_{table.partition('.')[2]}"


def create_shadow(shadow: str, table: str) -> str:
    """The statement that makes an empty shadow like `table`; the engine takes no parameters for names there."""
    return f"CREATE TABLE ops.{shadow} AS {table}"


def swap_days(shadow: str, table: str, days: Sequence[date]) -> str:
    """The statement that puts days of a shadow in the place of the live ones, each at once.

    The shadow keeps the days, so that repeating the statement changes nothing.
    """
    return f"ALTER TABLE {table} " + ", ".join(f"REPLACE PARTITION '{day}' FROM ops.{shadow}" for day in days)


def empty_days(table: str, days: Sequence[date], plan: int) -> str:
    """The statement that empties days of a table unless the plan is done.

    It touches only parts that stood before it was given, and the tokens of what it removes stay known.
    """
    undone = f"{plan} NOT IN (SELECT plan FROM ops.plans_done)"  # noqa: S608 - a number
    deletions = ", ".join(f"DELETE IN PARTITION '{day}' WHERE {undone}" for day in days)
    return f"ALTER TABLE {table} {deletions} SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1"


def count_rows(table: str, day: str, *, merged: bool) -> str:
    """The query for the rows of a table per day; `merged` counts rows with equal keys once."""
    final = " FINAL" if merged else ""
    return f"SELECT {day} AS day, count() AS rows FROM {table}{final} WHERE {day} IN {{days:Array(Date)}} GROUP BY day"  # noqa: S608 - names of ours
