"""The split of an INSERT into text and data, without an engine."""

from __future__ import annotations

import pytest

from headwater.local.front.statement import OwnFile, find_data_insert, first_word, split_output, tail_format
from headwater.local.front.tokens import Unfinished


@pytest.mark.parametrize(
    ("text", "format_", "data"),
    [
        ("INSERT INTO t FORMAT CSV\n1,2", "CSV", "1,2"),
        ("INSERT INTO t FORMAT CSV \t 1,2", "CSV", "1,2"),
        ("INSERT INTO t FORMAT CSV\r\n1", "CSV", "1"),
        ("INSERT INTO t FORMAT CSV\n\n1", "CSV", "\n1"),
        ("INSERT INTO t FORMAT CSV;\n1", "CSV", "1"),
        ("INSERT INTO t (a) VALUES (1)", "Values", " (1)"),
        ("insert into t values(1)", "Values", "(1)"),
        ("INSERT INTO `values` VALUES (1)", "Values", " (1)"),
        ("INSERT INTO values VALUES (1)", "Values", " (1)"),
        ("INSERT INTO db.format FORMAT TSV\nx", "TSV", "x"),
        ("INSERT INTO db . `a b` (`format`, values) FORMAT TSV\nx", "TSV", "x"),
        ("/* FORMAT X /* nested */ */ INSERT -- FORMAT Y\nINTO t FORMAT TSV\nx", "TSV", "x"),
        ("INSERT INTO t (a, /* SELECT */ b) FORMAT TSV\nSELECT", "TSV", "SELECT"),
        ("INSERT INTO FUNCTION null('a String') FORMAT TSV\nx", "TSV", "x"),
    ],
)
def test_data_begins_where_the_server_lets_it_begin(text: str, format_: str, data: str) -> None:
    insert = find_data_insert(text, whole=True)
    assert insert is not None
    assert (insert.format, text[insert.data_at :]) == (format_, data)
    assert insert.reading("'/spool/f'").endswith(f"FORMAT {format_}")


def test_the_settings_of_an_insert_stay_behind_the_file() -> None:
    insert = find_data_insert("INSERT INTO t (a) SETTINGS x = 1 FORMAT CSV\n1", whole=True)
    assert insert is not None
    assert insert.reading("'/f'").split() == [
        "INSERT",
        "INTO",
        "t",
        "(a)",
        "FROM",
        "INFILE",
        "'/f'",
        "COMPRESSION",
        "'none'",
        "SETTINGS",
        "x",
        "=",
        "1",
        "FORMAT",
        "CSV",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "INSERT INTO t SELECT * FROM x FORMAT CSV",
        "INSERT INTO t (a) (SELECT 1)",
        "INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "INSERT INTO t; DROP TABLE t; SELECT 1 FORMAT CSV\n1",
        "INSERT INTO t",
        "INSERT",
        "",
        "-- INSERT INTO t FORMAT CSV\n",
        "SELECT 'INSERT INTO t FORMAT CSV\n1'",
        "INSERT INTO t FORMAT",
        "INSERT INTO `t FORMAT CSV\n",
    ],
)
def test_other_statements_have_no_data(text: str) -> None:
    assert find_data_insert(text, whole=True) is None


def test_every_beginning_of_an_insert_waits_for_more() -> None:
    text = "/* c */ INSERT INTO `a b`.t (x, 'y') -- no\n SETTINGS a = 'FORMAT' FORMAT JSONEachRow\n{"
    text = text.replace("JSONEachRow\n", "JSONEachRow\r\n")
    for end in range(text.index("\r") + 2):
        with pytest.raises(Unfinished):
            find_data_insert(text[:end], whole=False)
    insert = find_data_insert(text, whole=False)
    assert insert is not None
    assert text[insert.data_at :] == "{"


def test_an_insert_from_a_file_of_its_own_is_refused() -> None:
    with pytest.raises(OwnFile):
        find_data_insert("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV", whole=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1 FORMAT Native", "Native"),
        ("SELECT 1\n format JSON ;\n", "JSON"),
        ("SELECT 1 -- FORMAT Native", None),
        ("SELECT 1 -- x\nFORMAT Native", "Native"),
        ("SELECT 1 /* FORMAT Native", None),
        ("SELECT 1 # FORMAT Native", None),
        ("SELECT 1 FORMAT Native SETTINGS a = 1", None),
        ("SELECT 1", None),
    ],
)
def test_the_format_at_the_end_is_taken_only_where_it_is_certain(text: str, expected: str | None) -> None:
    assert tail_format(text) == expected


def test_the_output_is_cut_out_of_a_canonical_statement() -> None:
    assert split_output("SELECT 'FORMAT X' FORMAT JSON SETTINGS a = 1") == (
        "SELECT 'FORMAT X'   SETTINGS a = 1",
        "JSON",
    )
    assert split_output("SELECT * FROM (SELECT 1 AS FORMAT)") == ("SELECT * FROM (SELECT 1 AS FORMAT)", None)
    with pytest.raises(OwnFile):
        split_output("SELECT 1 INTO OUTFILE 'x' FORMAT CSV")


def test_the_first_word_is_found_behind_comments() -> None:
    assert first_word("-- a\n /* b */ kill query") == "KILL"
    assert first_word("/* open") == ""
