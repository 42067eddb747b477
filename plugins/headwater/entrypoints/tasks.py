"""The tasks of the DAGs: each calls one use case, logs a short table of what was done, and returns its counts.

Airflow runs every task in a process of its own, so the use cases are imported when a task runs: DAG files stay cheap
to parse.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from airflow.sdk import Connection, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException
from pydantic import SecretStr

from headwater.core.checks import CheckKind
from headwater.errors import FixSettings, HeadwaterError, Retry, Stop

if TYPE_CHECKING:
    from headwater.adapters.s3 import S3Objects
    from headwater.bootstrap import Platform
    from headwater.core.replay import Selection

log_ = logging.getLogger(__name__)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "headwater",
    "retries": 3,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=2),
    "execution_timeout": timedelta(minutes=30),
}


def step(function: Callable[..., Any]) -> Any:
    """A task whose errors say what follows: only `Retry` and unexpected errors are tried again."""

    @task
    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Retry:
            raise
        except HeadwaterError as error:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error

    return run


@step
def create_kafka_topics() -> dict[str, str]:
    """Bring the schema and Kafka's topics up to date."""
    platform = _platform()
    rows = [("schema", f"{m.number:04d}_{m.name}", "applied") for m in platform.migrate()]
    changes = platform.create_topics()
    rows += [("topic", change.topic, f"{change.action} {change.detail}".strip()) for change in changes]
    _table("what", "name", "outcome", rows=rows)
    return {change.topic: change.action for change in changes}


@step
def load_events(stream: str) -> dict[str, Any]:
    """Send the lines of one file to its topic."""
    params = _params()
    folder = params.get("samples_dir")
    loaded = _platform().load_sample(
        stream,
        Path(folder) if folder else None,
        shift_to_now=bool(params.get("shift_to_now", True)),
        again=bool(params.get("load_again", False)),
        tell=lambda progress: log_.info("%d messages sent", progress.sent),
    )
    outcome = "had been loaded before" if loaded.skipped else "loaded"
    _table(
        "file", "outcome", "sent", "rejected", "bytes",
        rows=[(loaded.path, outcome, loaded.sent, loaded.rejected, loaded.size_bytes)],
    )  # fmt: skip
    return {"stream": loaded.stream, "sent": loaded.sent, "rejected": loaded.rejected}


@step
def verify_data_load(loads: Sequence[Mapping[str, Any]]) -> None:
    """Kafka holds at least what the load was told it had taken."""
    platform = _platform()
    in_kafka = {load["stream"]: platform.messages_in_kafka(load["stream"]) for load in loads}
    _table(
        "stream", "sent", "rejected", "in Kafka",
        rows=[(load["stream"], load["sent"], load["rejected"], in_kafka[load["stream"]]) for load in loads],
    )  # fmt: skip
    short = [load["stream"] for load in loads if in_kafka[load["stream"]] < load["sent"]]
    if short:
        raise Stop(f"Kafka holds fewer messages than were acknowledged for {short}. Run the DAG again.")


@step
def consume_events(stream: str) -> dict[str, Any]:
    """Store everything that the topic holds now, exactly once."""
    ratio = _params().get("reject_ratio")
    moved = _platform().drain(stream, reject_ratio=None if ratio is None else float(ratio))
    _table(
        "stream", "messages", "staged", "dead letters", "heartbeats", "lost", "repairs", "claims",
        rows=[(
            moved.stream, moved.messages, moved.staged, moved.dead_letters, moved.heartbeats, moved.lost,
            moved.repairs, moved.claims,
        )],
    )  # fmt: skip
    return {"stream": moved.stream, "messages": moved.messages, "dead_letters": moved.dead_letters}


@step
def validate_ingestion(streams: Sequence[str]) -> None:
    """Prove that every message stands in the tables once."""
    platform = _platform()
    books = [book for stream in streams for book in platform.reconcile(stream)]
    _table(
        "topic", "partition", "end", "claimed to", "messages", "staged", "dead letters", "lost", "lag",
        rows=[
            (b.topic, b.partition, b.end, b.claimed_to, b.messages, b.staged, b.dead_letters, b.lost, b.lag)
            for b in books
        ],
    )  # fmt: skip
    for row in platform.summary().dead_letters:
        log_.warning(
            "%s events of %s are dead letters: %s in %r, first at %s",
            row["events"], row["stream"], row["reason"], row["field"], row["first_at"],
        )  # fmt: skip


@step
def replay_dead_letters() -> dict[str, Any]:
    """Count the selected dead letters; unless it is a dry run, send those that were not replayed before."""
    from headwater.core.replay import SecondFailure

    params = _params()
    selection = _selection(params)
    platform = _platform()
    _table(
        "stream", "reason", "field", "would be sent", "replayed before",
        rows=[
            (row["stream"], row["reason"], row["field"], row["waiting"], row["replayed"])
            for row in platform.count_dead_letters(selection)
        ],
    )  # fmt: skip
    if params["dry_run"]:
        log_.info("Nothing was sent: this was a dry run.")
        return {"sent": 0}
    done = platform.replay(
        selection, SecondFailure(params["on_failure"]), lambda so_far: log_.info("%d messages sent", so_far.sent)
    )
    _table(
        "sent again", "not sent", "no longer kept", "plans",
        rows=[(done.sent, done.not_sent, done.gone, done.plans)],
    )  # fmt: skip
    return {"sent": done.sent, "not_sent": done.not_sent, "gone": done.gone}


def _selection(params: Mapping[str, Any]) -> Selection:
    from headwater.core.replay import Selection

    times = {name: datetime.fromisoformat(params[name]) for name in ("since", "until") if params.get(name)}
    return Selection(
        streams=tuple(params["streams"]),
        reasons=tuple(params["reasons"]),
        fields=tuple(params["fields"]),
        ids=tuple(params["ids"]),
        origins=tuple(params["origins"]),
        failed_again=bool(params["failed_again"]),
        **{name: time if time.tzinfo else time.replace(tzinfo=UTC) for name, time in times.items()},
    )


@step
def build_fact_events() -> dict[str, int]:
    """Carry out plans until everything staged is built or waits for its parts."""
    from headwater.app.build import BuildLimits

    params = _params()
    limits = BuildLimits(
        rows_per_topic=int(params.get("rows_per_plan", BuildLimits().rows_per_topic)),
        grace_s=int(float(params.get("grace_minutes", BuildLimits().grace_s / 60)) * 60),
    )
    built = _platform().build(limits, tell=lambda done: log_.info("plan %d: %d facts", done.plan, done.facts))
    _table(
        "plan", "kind", "taken", "waited", "facts", "incomplete", "repeats", "conflicts", "waiting", "corrected",
        "removed",
        rows=[
            (
                d.plan, d.kind.value, d.taken, d.was_waiting, d.facts, d.incomplete, d.repeats, d.conflicts, d.waiting,
                d.corrected, d.removed,
            )
            for d in built.plans
        ],
    )  # fmt: skip
    return {"plans": len(built.plans), "facts": built.facts}


@step
def update_dim_users() -> int:
    """Write `dim_users` anew."""
    return _update_dimension("dim_users")


@step
def update_dim_geo() -> int:
    """Write `dim_geo` anew."""
    return _update_dimension("dim_geo")


@step
def optimize_tables() -> int:
    """Merge crowded days for a bounded time, and count leading pages and sessions of days that are over."""
    platform = _platform()
    merged, pages, sessions = platform.optimize(), platform.count_leading_days(), platform.count_session_days()
    _table("merged partitions", "days of leading pages", "days of sessions", rows=[(merged, pages, sessions)])
    return merged


@step
def verify_dwh_layer() -> None:
    """The invariants of the warehouse hold after the build."""
    _check([CheckKind.DUPLICATES, CheckKind.CONSISTENCY])


@step
def clear_staging_old_data() -> int:
    """Drop staged days that are built and old, and retire the facts of days that were kept long enough."""
    platform = _platform()
    cleared = platform.clear_staging()
    retired = sum(done.retired for done in platform.retire().plans)
    if retired:
        log_.info("%d facts were retired with their days; their aggregates stay", retired)
    _table("table", "rows cleared", rows=list(cleared.tables.items()) or [("(nothing is old enough)", 0)])
    return cleared.rows


@step
def erase_user() -> dict[str, int]:
    """Remove everything of one person, or count it."""
    params = _params()
    named = {name: [params[name]] if params.get(name) else [] for name in ("user", "email")}
    found = _platform().erase(named["user"], named["email"], dry_run=bool(params.get("dry_run", True)))
    _table("place", "rows", rows=list(found.rows.items()) or [("(nothing of this person is stored)", 0)])
    return dict(found.rows)


@step
def truncate_clickhouse() -> dict[str, int]:
    """Empty the chosen tables where the param holds the word; count them otherwise, and fail."""
    from headwater.app.truncate import WORD, Part

    params = _params()
    confirmed = str(params["confirm"]).strip() == WORD
    request = uuid5(NAMESPACE_URL, _run_id())  # the task may be tried again after loads have begun
    taken = _platform().truncate(Part(params["part"]), request, dry_run=not confirmed)
    heading = "rows that went" if confirmed else "rows that would go"
    _table("place", heading, rows=list(taken.rows.items()) or [("(nothing was there)", 0)])
    if not confirmed:
        raise FixSettings(f"Nothing was changed. Trigger the DAG again with `confirm` set to {WORD!r}.")
    return dict(taken.rows)


@step
def generate_clicks() -> int:
    """Send made-up clicks, where the parameter asks for some."""
    from headwater.core.generator.clicks import ClickSpec

    params = _params()
    seconds, rate = float(params.get("generate_s", 0)), float(params.get("rate", 50))
    if not seconds:
        log_.info("No clicks were asked for.")
        return 0
    spec = ClickSpec(rate, seconds, seed=int(params.get("seed") or secrets.randbits(32)))
    sent = _platform().send_clicks(spec, threading.Event().wait)
    _table("clicks", "seconds", "seed", rows=[(sent.clicks, round(sent.elapsed_s, 1), sent.seed)])
    return sent.clicks


@step
def aggregate_windows() -> dict[str, int]:
    """Count every click that the topic holds now in its window."""
    done = _platform().windows().drain()
    _table(
        "clicks", "counted", "late", "rejected", "messages",
        rows=[(done.clicks, done.counted, done.late, done.rejected, done.panes)],
    )  # fmt: skip
    return {"clicks": done.clicks, "counted": done.counted, "late": done.late, "rejected": done.rejected}


@step
def verify_clicks() -> None:
    """Every click up to the committed offsets is in the tables once."""
    accounts = _platform().click_accounts()
    _table(
        "read before", "counted", "kept aside", "read after",
        rows=[(accounts.before, accounts.counted, accounts.aside, accounts.after)],
    )  # fmt: skip
    if not accounts.balance:
        raise Stop(
            f"{accounts.counted} clicks are counted and {accounts.aside} kept aside, but {accounts.before} were read. "
            "Run `headwater verify` and look at ops.rejects and analytics.aggregation_clicks_raw."
        )


@step
def run_check(kind: str) -> int:
    """Run the quality checks of one kind; with those of freshness those of volume."""
    kinds = [CheckKind(kind)]
    return _check([*kinds, CheckKind.VOLUME] if CheckKind.FRESHNESS in kinds else kinds)


@step
def generate_quality_report() -> None:
    """Tell the outcome of every check of this run; fails when a check of severity `fail` found something."""
    rows = _platform().database.rows("ops/quality_report", run_id=_run_id())
    _table(
        "verdict", "kind", "check", "offending",
        rows=[
            ("ok" if r["passed"] else r["severity"].upper(), r["kind"], r["check_name"], r["offending"]) for r in rows
        ],
    )  # fmt: skip
    for row in rows:
        if not row["passed"]:
            log_.warning("%s: %s First rows: %s", row["check_name"], row["help"], row["sample"])
    states = _platform().alerts(_run_id())
    for state in states:
        if state.firing:
            log_.warning("ALERT %s: %s %s", state.alert.name, state.message, state.alert.help)
    if _platform().tell(states, _run_id()):
        log_.info("What is new about the alerts went out as mail.")
    failing = [row["check_name"] for row in rows if not row["passed"] and row["severity"] == "fail"]
    if failing or not rows:
        raise Stop(f"Quality checks failed: {', '.join(failing) or 'none has run'}.")
    log_.info("%d checks, none failed", len(rows))


def _check(kinds: Sequence[CheckKind]) -> int:
    from headwater.app.check import demand

    results = _platform().check(kinds, _run_id())
    for result in results:
        log_.log(logging.INFO if result.passed else logging.WARNING, result.describe())
    _table(
        "check", "verdict", "offending",
        rows=[
            (r.check.name, "ok" if r.passed else r.check.severity.value.upper(), r.offending) for r in results
        ],
    )  # fmt: skip
    demand(results)
    return len(results)


def _update_dimension(name: str) -> int:
    rows = _platform().update_dimension(name)
    _table("table", "rows", rows=[(f"analytics.{name}", rows)])
    return rows


def _platform() -> Platform:
    from headwater.bootstrap import Platform
    from headwater.settings import load_settings

    return Platform(load_settings().model_copy(update=_of_connections()))


def _of_connections() -> dict[str, Any]:
    """Settings of `clickhouse_default`, `kafka_default` and `smtp_default`, which override those of the environment."""
    changes: dict[str, Any] = {}
    clickhouse = _connection("clickhouse_default")
    if clickhouse is not None and clickhouse.host:
        login = f"{quote(clickhouse.login or '', safe='')}:{quote(clickhouse.password or '', safe='')}"
        changes["clickhouse_writer_url"] = SecretStr(f"http://{login}@{clickhouse.host}:{clickhouse.port or 8123}/")
    kafka = _connection("kafka_default")
    if kafka is not None and "bootstrap.servers" in kafka.extra_dejson:
        changes["kafka_bootstrap"] = kafka.extra_dejson["bootstrap.servers"]
    mail = _connection("smtp_default")
    if mail is not None and mail.host:
        login = f"{quote(mail.login, safe='')}:{quote(mail.password or '', safe='')}@" if mail.login else ""
        scheme = "smtp" if mail.extra_dejson.get("disable_ssl") else "smtps"
        port = f":{mail.port}" if mail.port else ""
        changes["smtp_url"] = SecretStr(f"{scheme}://{login}{mail.host}{port}")
        if sender := mail.extra_dejson.get("from_email"):
            changes["alerts_from"] = sender
    return changes


def _connection(name: str) -> Connection | None:
    try:
        found: Connection = Connection.get(name)
        return found
    except AirflowNotFoundException:
        return None


def _params() -> Mapping[str, Any]:
    return dict(get_current_context()["params"])


def _run_id() -> str:
    return str(get_current_context()["run_id"])


def _table(*heads: str, rows: Sequence[Sequence[object]]) -> None:
    """Log a table with aligned columns."""
    cells = [list(heads), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    for row in cells:
        log_.info("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def catch_up_from() -> datetime | None:
    """The first hour that `load_from_s3` catches up from; None where it shall not."""
    from headwater.settings import load_settings

    first = load_settings().s3_start
    return datetime(first.year, first.month, first.day, tzinfo=UTC) if first else None


@step
def list_objects() -> list[dict[str, Any]]:
    """The objects of the run's hours; where the param says so, what they had brought in is taken out."""
    from headwater.app import objects

    params, platform = _params(), _platform()
    start, end = _hours(params)
    store = _store(platform)
    found = objects.list_objects(store, objects.Selection(start, end, params["prefix"], params["streams"]))
    _table(
        "range",
        "bucket",
        "objects",
        rows=[(f"{start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M}", store.bucket, len(found))],
    )
    if params["reload"]:
        taken = platform.reload(store, found)
        _table("place", "rows taken out", rows=list(taken.rows.items()) or [("(nothing was there)", 0)])
    return [{"key": o.stored.key, "etag": o.stored.etag, "size_bytes": o.stored.size_bytes} for o in found]


@step
def load_object(listed: Mapping[str, Any]) -> dict[str, Any]:
    """Send one object to its topic, unless its content was sent before."""
    from headwater.core.object_keys import StoredObject, read_key

    params, platform = _params(), _platform()
    found = read_key(StoredObject(**listed), params["prefix"])
    if found is None:
        raise Stop(f"{listed['key']} is no key of events.")
    loaded = platform.load_object(_store(platform), found, bool(params["load_again"]))
    outcome = "had been sent before" if loaded.skipped else "sent"
    _table(
        "object", "outcome", "lines", "rejected", "bytes",
        rows=[(loaded.path, outcome, loaded.sent, loaded.rejected, loaded.size_bytes)],
    )  # fmt: skip
    return {"key": listed["key"], "outcome": outcome, "lines": loaded.sent, "rejected": loaded.rejected}


@step
def verify_objects(found: Sequence[Mapping[str, Any]] | None, loaded: Sequence[Mapping[str, Any]]) -> None:
    """Every listed object was sent, now or before."""
    if found is None:
        raise Stop("The objects were not listed. Look at the task list_objects.")
    done = {each["key"]: each for each in loaded if each}
    _table(
        "object", "outcome", "lines", "rejected",
        rows=[
            (each["key"], *(done[each["key"]][n] for n in ("outcome", "lines", "rejected")))
            if each["key"] in done else (each["key"], "NOT LOADED", "", "")
            for each in found
        ],
    )  # fmt: skip
    missing = [each["key"] for each in found if each["key"] not in done]
    if missing:
        raise Stop(f"{len(missing)} of {len(found)} objects were not loaded, first {missing[0]}. Look at their tasks.")


def _hours(params: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """The range of the params, else the hour of the run."""
    from headwater.core.object_keys import hours_of

    if params["start_date"]:
        return hours_of(params["start_date"], params["end_date"])
    context = get_current_context()
    first, last = context.get("data_interval_start"), context.get("data_interval_end")
    if first is None or last is None:
        raise FixSettings("A run by hand needs the param start_date.")
    return first, last


def _store(platform: Platform) -> S3Objects:
    """The bucket by Airflow's connection `s3_default`, where there is one."""
    from headwater.adapters.s3 import S3Objects

    bucket = _params()["bucket"] or None
    connection = _connection("s3_default")
    if connection is None:
        return platform.objects(bucket)
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    named = bucket or connection.extra_dejson.get("bucket") or platform.settings.s3_bucket
    return S3Objects(S3Hook(aws_conn_id="s3_default").get_conn(), named)
