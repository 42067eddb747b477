"""ClickHouse in the compose stack: the server's settings are the local ones, the users have the local front's rights."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from headwater.adapters.clickhouse import EXACT_SETTINGS, ClickHouse
from headwater.local.front.access import USERS
from headwater.local.front.rights import DATABASES, READER, READER_LIMITS, WRITER
from tests.deploy.composition import ROOT, make_secrets, secret_target, services
from tests.support.front import Front

CONFIG = ROOT / "clickhouse" / "config"
# What the server grants in other words than the local front: its own queries are always the user's to see.
LOCAL_ONLY = {"user_query_log"}
FORBIDDEN = re.compile(
    r"\b(ALL|FILE|URL|REMOTE|S3|SOURCES|MYSQL|POSTGRES|MONGO|ODBC|JDBC|HDFS|CREATE DATABASE|DROP DATABASE|CREATE USER"
    r"|ACCESS MANAGEMENT|CREATE FUNCTION|CREATE DICTIONARY|SYSTEM SHUTDOWN|GRANT OPTION|NAMED COLLECTION|BACKUP)\b"
)


def _tree(name: str) -> ET.Element:
    root = ET.fromstring((CONFIG / name).read_text())
    assert root.tag == "clickhouse"
    return root


def _users() -> dict[str, ET.Element]:
    (users,) = _tree("compose-users.xml").findall("users")
    return {user.tag: user for user in users if user.get("remove") is None}


def _grants(user: str) -> list[str]:
    return [query.text or "" for query in _users()[user].findall("grants/query")]


def _profile(name: str) -> ET.Element:
    (profile,) = _tree("compose-users.xml").findall(f"profiles/{name}")
    return profile


def _leaves(root: ET.Element, prefix: str = "") -> dict[str, str]:
    found = {}
    for child in root:
        if child.get("remove") is None:
            found.update(
                _leaves(child, f"{prefix}{child.tag}.") if len(child) else {prefix + child.tag: child.text or ""}
            )
    return found


def test_the_server_s_settings_are_those_of_the_local_engine() -> None:
    local, ours = _leaves(_tree("local.xml")), _leaves(_tree("compose.xml"))
    assert local.pop("max_server_memory_usage") == "{max_memory_bytes}"
    assert 0.5 <= float(ours["max_server_memory_usage_to_ram_ratio"]) <= 0.9
    assert {key: ours.get(key) for key in local} == local


def test_the_files_are_mounted_where_the_server_merges_them() -> None:
    service = services()["clickhouse"]
    assert "./clickhouse/config/compose.xml:/etc/clickhouse-server/config.d/headwater.xml:ro" in service["volumes"]
    assert "./clickhouse/config/compose-users.xml:/etc/clickhouse-server/users.d/headwater.xml:ro" in service["volumes"]
    assert secret_target(service["secrets"][0]) == (
        "clickhouse_passwords.xml", "/etc/clickhouse-server/users.d/passwords.xml",
    )  # fmt: skip
    assert service["environment"] == {"CLICKHOUSE_SKIP_USER_SETUP": "1"}, "Else the image makes a user of its own."


def test_the_users_are_the_local_ones_and_the_unsafe_one_is_gone() -> None:
    assert tuple(_users()) == USERS
    (default,) = _tree("compose-users.xml").findall("users/default")
    assert default.get("remove") == "remove"
    passwords = ET.fromstring(make_secrets().clickhouse_passwords(dict.fromkeys(make_secrets().NAMES, "x")))
    assert {user.tag for user in passwords.findall("users/*")} == set(USERS)
    for user in _users().values():
        assert not [child.tag for child in user if "password" in child.tag or child.tag == "no_password"]


def test_the_reader_has_select_and_show_on_our_databases_only() -> None:
    assert READER.databases == DATABASES
    assert _grants("reader") == [f"GRANT SHOW, SELECT ON {database}.*" for database in sorted(DATABASES)]
    assert _users()["reader"].findtext("profile") == "reader"
    assert _profile("reader").findtext("readonly") == "2"


def test_the_writer_has_our_databases_and_the_operational_tables_of_the_local_front() -> None:
    granted: dict[str, set[str]] = {}
    for grant in _grants("writer"):
        match = re.fullmatch(r"GRANT ([A-Z, ]+) ON (\S+)", grant)
        assert match is not None, grant
        assert not FORBIDDEN.search(match[1]), grant
        granted.setdefault(match[2], set()).update(match[1].split(", "))
    tables = {f"system.{name}" for name in WRITER.system_tables - READER.system_tables - LOCAL_ONLY}
    assert granted.keys() == {"analytics.*", "ops.*", "*.*"} | tables
    assert all(granted[table] == {"SELECT"} for table in tables)
    assert granted["*.*"] == {"SYSTEM FLUSH LOGS"}
    assert granted["analytics.*"] == granted["ops.*"]
    assert {"SELECT", "INSERT", "ALTER", "CREATE TABLE", "DROP TABLE", "OPTIMIZE"} <= granted["ops.*"]


def test_only_the_owner_has_every_right() -> None:
    assert [user for user in USERS if not _grants(user)] == ["owner"]


def test_the_reader_s_bounds_are_the_local_ones_and_cannot_be_raised_or_lifted() -> None:
    profile = _profile("reader")
    for name, bound in READER_LIMITS.numbers.items():
        assert profile.findtext(name) == str(bound), name
        assert profile.findtext(f"constraints/{name}/max") == str(bound), name
        assert profile.findtext(f"constraints/{name}/min") == "1", f"{name}: zero would lift the bound"
    for name, value in READER_LIMITS.fixed.items():
        if name != "additional_table_filters":  # the server shows only what is granted
            assert profile.findtext(name) == value
            assert profile.find(f"constraints/{name}/const") is not None


def test_every_client_gets_the_settings_that_exactness_needs() -> None:
    pinned = _leaves(_profile("default"))
    assert pinned == {name: str(EXACT_SETTINGS[name]) for name in pinned}
    assert {
        "async_insert", "deduplicate_insert", "deduplicate_blocks_in_dependent_materialized_views", "insert_deduplicate",
    } <= pinned.keys()  # fmt: skip
    assert {user: element.findtext("profile") for user, element in _users().items()} == {
        "owner": "default", "writer": "default", "reader": "reader",
    }  # fmt: skip


@pytest.mark.stack
def test_the_engine_knows_every_setting_and_understands_every_grant(front: Front) -> None:
    database = ClickHouse(front.owner_url)
    known = {row["name"] for row in database.query("SELECT name FROM system.settings")}
    for name in ("default", "reader"):
        settings = {child.tag for child in _profile(name)} - {"constraints"}
        settings |= {child.tag for child in _profile(name).findall("constraints/*")}
        assert settings <= known, name
    server = {row["name"] for row in database.query("SELECT name FROM system.server_settings")}
    not_listed = {"query_log", "access_control_improvements", "timezone"}
    assert {key.split(".")[0] for key in _leaves(_tree("compose.xml"))} - not_listed <= server
    for grant in (grant for user in USERS for grant in _grants(user)):
        (row,) = database.query(
            "SELECT formatQuerySingleLine({grant:String}) AS text", {"grant": f"{grant} TO somebody"}
        )
        assert row["text"].startswith("GRANT"), grant
