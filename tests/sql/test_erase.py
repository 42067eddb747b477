"""Erasure: nothing of the person remains, what is counted follows, and what comes again is kept out."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app import dimensions
from headwater.app.build import Build, BuildLimits
from headwater.app.dimensions import update_dimension
from headwater.app.erase import Erased, ask, erased_rows, preview_erasure
from headwater.app.erase_keys import Key
from headwater.app.reconcile import reconcile
from headwater.app.upkeep import clear_staging
from headwater.contracts.streams import STREAMS
from headwater.core.personal_data import PERSONAL_COLUMNS, PLACES, Rule
from headwater.errors import FixSettings
from tests.sql.test_closing import assert_balanced, retire
from tests.sql.test_corrections import assert_sound
from tests.support.dying import Killed, Stepping, dying
from tests.support.events import an_id, browser, device, geo, location
from tests.support.fingerprint import fingerprint
from tests.support.front import Front
from tests.support.shell import Shell
from tests.support.staging import Stage

pytestmark = pytest.mark.stack
KEY = Key.of("a secret of the tests")
MAIL, ADDRESS = "erika@example.com", "198.51.100.77"
PERSON = UUID(an_id("erika"))
# What must be nowhere afterwards, as it may stand in any column, with and without dashes.
TRACES = [
    MAIL,
    ADDRESS,
    *(form for name in ("erika", "v1", "v2", "g1", "g2", "g3", "g-wait") for form in (an_id(name),)),
]


def _send_others(stage: Stage) -> None:
    days = ("2026-05-01 10:00:00", "2026-05-02 11:00:00")
    stage.send("browser", *[browser(f"o{n}", click=f"o{n}", at=at) for n, at in enumerate(days)])
    stage.send("device", *[device(f"o{n}", user=f"other{n}") for n in range(2)])
    stage.send("geo", *[geo(f"o{n}") for n in range(2)])
    stage.send("location", location("o0", "/product_a"), location("o1", "/confirmation"))


def _send_person(stage: Stage) -> None:
    """Two visits over two days with a conflict, an event that waits, and bytes that break the contract."""
    mine = {"user_custom_id": MAIL}
    stage.send(
        "browser",
        browser("g1", click="v1", at="2026-05-01 10:30:00"),
        browser("g2", click="v2", at="2026-05-02 11:30:00"),
        browser("g3", click="v2", at="2026-05-03 23:45:00"),
        browser("g1", click="v1", at="2026-05-01 10:30:00", browser_name="Other"),
    )
    stage.send("device", device("v1", user="erika", **mine), device("v2", user="erika", **mine))
    stage.send("device", device("v1", user="erika", device_is_mobile="broken", **mine))
    stage.send("geo", geo("v1", ip_address=ADDRESS), geo("v2", ip_address=ADDRESS))
    stage.send("location", location("g1", "/product_a"), location("g2", "/confirmation"), location("g3"))


def _build(stage: Stage, database: ClickHouse | None = None, key: Key | None = KEY) -> None:
    Build(database or stage.db, stage.clock, BuildLimits(), key).run()
    for name in ("dim_users", "dim_geo"):
        update_dimension(name, stage.db)


def _erase(stage: Stage, names: Sequence[str] = (MAIL,), users: Sequence[UUID] = ()) -> Erased:
    request = ask(stage.db, stage.clock, users, names)
    _build(stage)
    return erased_rows(stage.db, request)


def _traces(stage: Stage) -> Iterator[str]:
    """Every stored table and row in which something of the person stands."""
    tables = stage.db.query(
        "SELECT concat(database, '.', name) AS name FROM system.tables WHERE database IN ('analytics', 'ops') "
        "AND (engine LIKE '%MergeTree' OR engine = 'Memory')"
    )
    for table in tables:
        rows = stage.db.query(
            f"SELECT count() AS n FROM {table['name']} AS t "
            "WHERE multiSearchAnyCaseInsensitive(toString(tuple(t.*)), {traces:Array(String)})",
            {"traces": TRACES},
        )
        if rows[0]["n"]:
            yield f"{table['name']}: {rows[0]['n']}"


def _assert_clean(stage: Stage) -> None:
    assert list(_traces(stage)) == []
    assert_sound(stage)
    assert_balanced(stage)
    for stream in STREAMS.values():
        reconcile(stream, stage.log, stage.db, stage.clock)


@pytest.fixture
def without(stage: Stage) -> dict[str, tuple[int, int]]:
    """The content when the person was never there; the warehouse is then as it was before."""
    _send_others(stage)
    _build(stage)
    return fingerprint(stage.db)


def test_nothing_of_the_person_remains_and_everything_counted_follows(
    without: dict[str, tuple[int, int]], stage: Stage
) -> None:
    _send_person(stage)
    _build(stage)
    stage.send("browser", browser("g-wait", click="v2", at="2026-05-03 12:45:00"))
    _build(stage)
    sample = json.dumps([{"event_id": an_id("g1"), "user": MAIL}])
    stage.db.statements(
        [f"INSERT INTO ops.quality_results (checked_at, sample) VALUES (now(), '{sample}'), (now(), '')"]
    )
    assert len(list(_traces(stage))) > 8, "the search must find the person first"
    preview = preview_erasure(stage.db, stage.clock, [], [MAIL])
    stage.db.statements(  # as a dry run that was killed leaves it
        ["CREATE TABLE ops.shadow_0_x_erasure_requests AS ops.erasure_requests",
         f"INSERT INTO ops.shadow_0_x_erasure_requests (names) VALUES (['{MAIL}'])"]
    )  # fmt: skip
    done = _erase(stage)
    assert done.rows["analytics.fact_events"] == 3
    assert done.rows["waiting"] == done.rows["ops.quality_results"] == 1
    assert {k: v for k, v in preview.rows.items() if v} == {k: v for k, v in done.rows.items() if v and k != "waiting"}
    assert fingerprint(stage.db) == without
    _assert_clean(stage)


def test_an_update_of_users_beside_an_erasure_does_not_bring_the_person_back(stage: Stage, front: Front) -> None:
    _send_person(stage)
    _build(stage)
    erased: list[Erased] = []

    def before(_number: int, sql: str) -> None:
        if "EXCHANGE" in sql and not erased:
            erased.append(_erase(stage))

    update_dimension("dim_users", Stepping(front.writer_url, before))
    assert erased[0].rows["analytics.dim_users"] == 1
    assert list(_traces(stage)) == []


def test_what_a_killed_update_of_users_leaves_behind_goes_with_a_later_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = f"dim_users_{'0' * 32}"
    stage.db.statements([f"CREATE TABLE analytics.{left} AS analytics.dim_users"])
    update_dimension("dim_users", stage.db)
    assert stage.count("system.tables", f"name = '{left}'") == 1, "it may be in use"
    monkeypatch.setattr(dimensions, "_LEFT_AFTER_S", 0)
    update_dimension("dim_users", stage.db)
    assert stage.count("system.tables", "startsWith(name, 'dim_users_')") == 0


@pytest.mark.parametrize("names", [True, False], ids=["by_mail", "by_id"])
def test_what_comes_again_is_kept_out_and_leaves_staging(
    without: dict[str, tuple[int, int]], stage: Stage, names: bool
) -> None:
    _send_person(stage)
    _build(stage)
    _erase(stage, [MAIL] if names else [], [] if names else [PERSON])
    for _ in range(2):
        _send_person(stage)
        _build(stage)
        stage.clock.moment += timedelta(minutes=16)
        _build(stage)
        assert fingerprint(stage.db) == without
    dead = "ops.dead_letters"  # not parsed, so nothing tells whose it is before the next erasure
    assert [trace for trace in _traces(stage) if not trace.startswith(dead)] == []
    _erase(stage)
    _assert_clean(stage)


def test_an_old_event_that_was_never_seen_is_kept_out_by_its_user_and_a_new_visit_is_not(
    without: dict[str, tuple[int, int]], stage: Stage
) -> None:
    _send_person(stage)
    _build(stage)
    _erase(stage)
    stage.send("browser", browser("unseen", click="v9", at="2026-05-02 08:00:00"))
    stage.send("device", device("v9", user="erika", user_custom_id=MAIL))
    stage.send("geo", geo("v9"))
    stage.send("location", location("unseen"))
    _build(stage)
    assert fingerprint(stage.db) == without
    _assert_clean(stage)
    later = stage.clock.moment + timedelta(hours=1)
    stage.send("browser", browser("back", click="v10", at=f"{later:%Y-%m-%d %H:%M:%S}"))
    stage.send("device", device("v10", user="erika", user_custom_id=MAIL))
    stage.send("geo", geo("v10"))
    stage.send("location", location("back"))
    _build(stage)
    assert stage.count("analytics.fact_events", f"user_custom_id = '{MAIL}'") == 1
    assert_sound(stage)
    assert_balanced(stage)


@pytest.mark.parametrize("stride", [pytest.param(37, id="some"), pytest.param(1, id="all", marks=pytest.mark.long)])
def test_an_erasure_that_died_anywhere_is_finished_by_the_next_build(
    without: dict[str, tuple[int, int]], stage: Stage, front: Front, stride: int
) -> None:
    for statement in range(2, 200, stride):
        _send_person(stage) if statement == 2 else None
        stage.send("browser", browser(f"n{statement}", click=f"v{statement + 50}", at="2026-05-02 09:00:00"))
        stage.send("device", device(f"v{statement + 50}", user=f"p{statement}"))
        stage.clock.moment += timedelta(minutes=16)
        _build(stage)
        ask(stage.db, stage.clock, [UUID(an_id(f"p{statement}"))], [MAIL])
        try:
            _build(stage, dying(front.writer_url, statement))
        except Killed:
            _build(stage)
        else:
            break
        assert stage.count("ops.erasure_keys") == stage.count("ops.erasure_requests") == 0
        assert fingerprint(stage.db) == without, f"died before statement {statement}"
    assert statement > 40
    _assert_clean(stage)


def test_retired_days_lose_the_ids_and_keep_their_counts(stage: Stage) -> None:
    _send_person(stage)
    _build(stage)
    stage.clock.moment += timedelta(days=400)
    retire(stage)
    clear_staging(stage.db, stage.clock)
    assert stage.count("analytics.events_device_raw") == stage.count("ops.visits") == 0
    events = "SELECT countMerge(total_events) AS n FROM analytics.agg_events_hourly"
    before = stage.db.query(events)
    _erase(stage)
    assert stage.db.query(events) == before == [{"n": 3}]
    assert list(_traces(stage)) == []


def test_without_the_key_of_earlier_erasures_nothing_is_built(stage: Stage) -> None:
    _send_person(stage)
    _build(stage)
    _erase(stage)
    _send_person(stage)
    for key in (None, Key.of("another")):
        with pytest.raises(FixSettings, match="HEADWATER_ERASURE_KEY"):
            _build(stage, key=key)
    _build(stage)
    assert stage.count("analytics.fact_events") == 0


def test_the_page_names_every_place_and_its_rule() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "erasure.md").read_text()
    for place in PLACES:
        assert re.search(rf"^\| `?{re.escape(place.name)}`? \| {re.escape(place.rule.value)}", page, re.MULTILINE), (
            place.name
        )


def test_every_table_with_a_personal_column_has_a_rule(stage: Stage) -> None:
    columns = stage.db.query(
        "SELECT concat(c.database, '.', c.table) AS table, groupArray(c.name) AS columns FROM system.columns AS c "
        "INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table "
        "WHERE c.database IN ('analytics', 'ops') AND (t.engine LIKE '%MergeTree' OR t.engine = 'Memory') GROUP BY table"
    )
    personal = {row["table"] for row in columns if any(PERSONAL_COLUMNS.fullmatch(name) for name in row["columns"])}
    ruled = {place.name for place in PLACES}
    assert personal - ruled == set(), "Add a rule for these tables to headwater.core.personal_data."
    stored = {place.name for place in PLACES if place.rule not in (Rule.RETENTION, Rule.OUTSIDE)}
    assert stored - {row["table"] for row in columns} == set(), "The registry names tables that are not there."


def test_the_command_counts_erases_and_keeps_its_key(stage: Stage, front: Front, tmp_path: Path) -> None:
    _send_person(stage)
    _build(stage)
    shell = Shell(
        {
            **os.environ, "HEADWATER_HOME": str(tmp_path), "HEADWATER_CLICKHOUSE_URL": front.owner_url,
            "HEADWATER_CLICKHOUSE_WRITER_URL": front.writer_url, "COLUMNS": "200",
        }
    )  # fmt: skip
    assert json.loads(shell.run("erase", "--email", MAIL, "--dry-run", "--json"))["rows"]["analytics.fact_events"] == 3
    assert not (tmp_path / "erasure.key").exists()
    assert "rows that went" in shell.run("erase", "--email", MAIL.upper(), "--user", str(PERSON))
    assert stat.S_IMODE((tmp_path / "erasure.key").stat().st_mode) == 0o600
    assert "Nothing of this person is stored." in shell.run("erase", "--email", MAIL)
    assert "Say whom to erase" in shell.run("erase", code=2)
    assert list(_traces(stage)) == []
