"""The registry of every place that holds a person's data, and what an erasure does there.

A test holds it against the schema: a table with a personal column and without a rule fails it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from headwater.core.day_tables import DAY_TABLES, FACTS

# Columns that tell who somebody is, or that lead to such columns by a join.
PERSONAL_COLUMNS = re.compile(
    r"user_.*|email|ip_address|.*click_id.*|event_ids?|ids|raw|payload|browser_user_agent|geo_latitude|geo_longitude"
    r"|names|value|users|sample"
)


class Rule(StrEnum):
    """What happens to the rows of the person."""

    DELETE = "their rows are deleted"
    REBUILD = "the days are made anew without them"
    SHEET = "a work sheet: its older parts are dropped whole"
    DERIVED = "written anew from what is left"
    KEPT = "kept: nothing in it leads to the person any more"
    RETENTION = "ends by itself"
    OUTSIDE = "not touched: remove it there yourself"


@dataclass(frozen=True, slots=True)
class Place:
    """One table (or what is outside the tables), its rule, and for deletions the condition that finds the rows.

    `{click}`, `{event}`, `{user}` and `{name}` stand for the keys of the person.
    """

    name: str
    rule: Rule
    condition: str = ""
    note: str = ""


_BY_CLICK = "click_id IN {click}"
_BY_USER = "(user_domain_id IN {user} OR lower(user_custom_id) IN {name})"
_BY_SLOT = (
    "click_id IN {click} OR (day, click_id) IN "
    "(SELECT day, click_id FROM ops.visit_slots WHERE user_domain_id IN {user})"
)
_BY_TEXT = "arrayExists(n -> position(lower({text}), n) > 0, {needles})"
_DERIVED_VIEWS = "The rows of days that are retired hold no id any more."

PLACES = (
    Place("analytics.events_browser_raw", Rule.DELETE, f"{_BY_CLICK} OR event_id IN {{event}}"),
    Place("analytics.events_device_raw", Rule.DELETE, f"{_BY_CLICK} OR {_BY_USER}"),
    Place("analytics.events_geo_raw", Rule.DELETE, _BY_CLICK),
    Place("analytics.events_location_raw", Rule.DELETE, "event_id IN {event}"),
    Place("analytics.events_interaction_raw", Rule.DELETE, f"{_BY_CLICK} OR event_id IN {{event}}"),
    Place("ops.dead_letters", Rule.DELETE, _BY_TEXT.format(text="concat(raw, detail)", needles="{needles}")),
    Place("ops.rejects", Rule.DELETE, _BY_TEXT.format(text="concat(raw, detail)", needles="{needles}")),
    Place("ops.quarantine", Rule.DELETE, f"{_BY_CLICK} OR event_id IN {{event}}"),
    Place("ops.waiting", Rule.DELETE, f"(kind = 'event' AND {_BY_CLICK}) OR event_id IN {{event}}"),
    Place("ops.visits", Rule.DELETE, f"{_BY_CLICK} OR (part = 'device' AND {_BY_USER})"),
    Place("ops.quality_results", Rule.DELETE, _BY_TEXT.format(text="sample", needles="{needles}")),
    Place("analytics.fact_interactions", Rule.DELETE, f"{_BY_CLICK} OR event_id IN {{event}}"),
    Place("analytics.dim_users", Rule.DELETE, _BY_USER),
    Place(FACTS, Rule.REBUILD),
    *(Place(table.table, Rule.REBUILD, note="Retired days too: their rows of the person go.") for table in DAY_TABLES),
    Place("analytics.dim_geo", Rule.DERIVED),
    Place("ops.matched", Rule.SHEET),
    Place("ops.corrections", Rule.SHEET),
    Place("ops.kept_out", Rule.SHEET),
    Place("ops.known_visits", Rule.SHEET),
    Place("ops.erasure_keys", Rule.SHEET, note="Dropped before the erasure is done."),
    Place("ops.erasure_requests", Rule.SHEET, note="Dropped before the erasure is done."),
    Place("ops.plans", Rule.KEPT, note="Ids of events that once stood twice; nothing else has them any more."),
    Place("ops.decisions", Rule.KEPT, note="Choices of the installation."),
    Place("ops.loaded_objects", Rule.KEPT, note="Names and sums of objects, nothing of what is in them."),
    Place("loaded objects and files", Rule.OUTSIDE, note="Loaded again, their events are kept out."),
    Place("logs of tasks", Rule.RETENTION, note="Samples of what a check found may name ids."),
    Place("Kafka's topics", Rule.RETENTION, note="Messages leave after the retention; read again, they are kept out."),
    Place("backups", Rule.RETENTION, note="Keep them no longer than you may; after a restore, erase again."),
)  # fmt: skip

STAGED = tuple(place.name for place in PLACES if place.name.startswith("analytics.events_"))

# Rows of retired days, where no facts are left to make the table anew from.
RETIRED_ROWS = (
    Place("ops.user_days", Rule.DELETE, "user_domain_id IN {user}"),
    Place("analytics.visit_days", Rule.DELETE, _BY_SLOT),
    Place("ops.visit_nights", Rule.DELETE, _BY_SLOT),
    Place("ops.visit_slots", Rule.DELETE, f"{_BY_CLICK} OR user_domain_id IN {{user}}"),
    Place("ops.product_views", Rule.DELETE, "user_key IN {name_hash}"),
    Place("analytics.visit_hours", Rule.DELETE, "click_key IN {click_hash} OR user_key IN {user_hash}"),
    Place("ops.purchase_weeks", Rule.DELETE, "user_key IN {name_hash}"),
)


def condition_of(place: Place, keys: str, plan: int) -> str:
    """The condition of a place over the work sheet `ops.<keys>` of a plan."""

    def of_kind(kinds: str, value: str = "value") -> str:
        return f"(SELECT {value} FROM ops.{keys} WHERE plan = {plan} AND kind IN ({kinds}))"  # noqa: S608 - names of ours

    return place.condition.format(
        click=of_kind("'click'", "toUUID(value)"),
        event=of_kind("'event'", "toUUID(value)"),
        user=of_kind("'user'", "toUUID(value)"),
        name=of_kind("'name'"),
        click_hash=of_kind("'click'", "cityHash64(toUUID(value))"),
        user_hash=of_kind("'user'", "cityHash64(toUUID(value))"),
        name_hash=of_kind("'name'", "reinterpretAsUInt128(sipHash128(value))"),
        needles=f"(SELECT groupArray(value) FROM ops.{keys} WHERE plan = {plan} AND kind = 'needle')",  # noqa: S608
    )


def count_rows(place: Place, keys: str, plan: int) -> str:
    """The query for the rows of the person in a place."""
    return f"SELECT count() AS rows FROM {place.name} WHERE {condition_of(place, keys, plan)}"  # noqa: S608 - names of ours


def delete_rows(table: str, condition: str, plan: int) -> str:
    """The statement that deletes rows while the plan is under way."""
    return (
        f"ALTER TABLE {table} DELETE WHERE ({condition}) AND {plan} NOT IN (SELECT plan FROM ops.plans_done) "  # noqa: S608 - names of ours
        "SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1"
    )


def of_erased(place: str, plan: int, *, earlier: bool) -> str:
    """The condition for rows of staging or the dead letters whose places in Kafka are booked as erased."""
    plans = f"plan <= {plan}" if earlier else f"plan = {plan}"
    return (
        "(topic, epoch, partition, offset) IN "  # noqa: S608 - names of ours
        f"(SELECT topic, epoch, partition, offset FROM ops.erased WHERE place = '{place}' AND {plans})"
    )
