"""Decide by the parsed statement whether a user may run it: the engine parses, closed lists decide."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from headwater.local.front.engine import Connection
from headwater.local.front.problems import Problem
from headwater.local.front.recent import Recent
from headwater.local.front.rights import (
    DENIED_ALTERS,
    DENIED_FUNCTIONS,
    DENIED_SETTINGS,
    ENGINES,
    SYSTEM_COMMANDS,
    Rights,
)
from headwater.local.front.statement import OwnFile, split_output

Node = dict[str, Any]

_KINDS_OF_EXPLAIN = {"EXPLAIN", "EXPLAIN AST", "EXPLAIN SYNTAX", "EXPLAIN QUERY TREE", "EXPLAIN PIPELINE"}
_KINDS_OF_EXPLAIN |= {"EXPLAIN ESTIMATE", "EXPLAIN PLAN"}
_PARTS_OF_SHOW = {"type", "databases", "full", "temporary", "dictionaries", "settings", "changed", "like", "not_like"}
_PARTS_OF_SHOW |= {"case_insensitive_like", "from", "where_expression", "limit_length", "format_ast", "out_file"}
_PLAIN_NAME = re.compile(r"\w+", re.ASCII)
_NAME = r"(?:`(?:[^`\\]|\\.)*`|\w+)"
_EXISTS = re.compile(
    rf"(EXISTS|SHOW CREATE) (?:TEMPORARY )?(TABLE|VIEW|DATABASE) ({_NAME})(?:\.({_NAME}))?(?: FORMAT \w+)?", re.ASCII
)
_DESCRIBE = re.compile(r"DESCRIBE TABLE ", re.ASCII)
_TESTS_OF_MEMBERSHIP = re.compile(r"(?:global)?(?:not)?(?:null)?in(?:ignoreset)?", re.IGNORECASE)
_NAMING_FIELD = re.compile(r"(\w*?)(?:database|table)(?:_ast)?")


@dataclass(frozen=True)
class Verdict:
    """An allowed statement: its kind and the system tables that it names."""

    kind: str
    system_tables: frozenset[str] = frozenset()


@dataclass
class Scope:
    """What names mean in one request."""

    database: str
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    local_names: frozenset[str] = frozenset()


class Guard:
    """Verdicts with a cache by text; one guard for each user."""

    def __init__(self, rights: Rights) -> None:
        self.rights = rights
        self._known: Recent[Verdict] = Recent()

    def check(self, connection: Connection, sql: str, scope: Scope) -> Verdict:
        """The verdict on a statement; raises a `Problem` of code 497 where it is not allowed."""
        # Only names bound as Identifier can change a verdict; however the text spells it, the word is there. No list
        # of rights has a number for a name, so that numbers make no difference.
        named = {name: value for name, value in scope.params.items() if not value.isdecimal()}
        names = tuple(sorted(named.items())) if "identifier" in sql.lower() else ()
        key = (sql, scope.database, names, scope.local_names)
        if (known := self._known.get(key)) is not None:
            return known
        return self._known.keep(sql, key, _Walk(self.rights, scope).verdict(tree_of(connection, sql)))


def check_setting(name: str) -> None:
    """Refuse settings that reach around the guard, wherever they are given."""
    if DENIED_SETTINGS.fullmatch(name):
        raise _denied(f"this user may not choose {name}")


def tree_of(connection: Connection, sql: str) -> Node:
    """The statement as the engine's parser sees it; raises its syntax error."""
    try:
        return connection.parsed(sql)
    except Problem as problem:
        if problem.code != 36:
            raise
        return _other_tree(connection, connection.canonical(sql))


def _other_tree(connection: Connection, text: str) -> Node:
    """Statements that the parser does not give as a tree: their own text is simple enough."""
    if described := _DESCRIBE.match(text):
        try:
            body, _ = split_output(text[described.end() :])
        except OwnFile:
            raise _denied("files are written by clients, not through HTTP") from None
        return tree_of(connection, f"SELECT * FROM {body}")  # noqa: S608 - is parsed, never run
    if exists := _EXISTS.fullmatch(text):
        database, table = (exists.group(3), exists.group(4)) if exists.group(4) else ("", exists.group(3))
        if exists.group(2) == "DATABASE":
            database, table = exists.group(3), ""
        kind = "ExistsQuery" if exists.group(1) == "EXISTS" else "ShowCreateQuery"
        return {"type": kind, "database": _unquoted(database), "table": _unquoted(table)}
    return {"type": text.partition(" ")[0] + " statement"}


def _unquoted(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith("`") else name


class _Walk:
    """One pass over one statement."""

    def __init__(self, rights: Rights, scope: Scope) -> None:
        self._rights = rights
        self._scope = scope
        self._local = set(scope.local_names)
        self._system: set[str] = set()

    def verdict(self, tree: Node) -> Verdict:
        kind = str(tree.get("type"))
        if kind not in self._rights.statements:
            raise _denied(f"this user may not run {kind}")
        if kind == "ExplainQuery" and (
            tree.get("kind") not in _KINDS_OF_EXPLAIN or tree.get("query", {}).get("type") != "SelectWithUnionQuery"
        ):
            raise _denied(f"this user may not run {tree.get('kind')} of this statement")
        if kind == "SystemQuery" and not SYSTEM_COMMANDS.fullmatch(str(tree.get("query_type"))):
            raise _denied(f"this user may not run SYSTEM {tree.get('query_type')}")
        if kind in {"CreateQuery", "DropQuery"}:
            _only_tables(tree)
        if kind == "UseQuery":
            self._database(self._text(tree.get("database")))
        if kind == "ShowTablesQuery" and (other := {key for key, value in tree.items() if value} - _PARTS_OF_SHOW):
            raise _denied(f"this user may not show {', '.join(sorted(other))}")
        for node, _ in _nodes(tree):
            if node.get("type") == "WithElement":
                self._local.add(str(node.get("name")))
        for node, role in _nodes(tree):
            self._node(node, role)
        return Verdict(kind, frozenset(self._system))

    def _node(self, node: Node, role: str) -> None:
        type_ = str(node.get("type"))
        if "out_file" in node or "infile" in node:
            raise _denied("files are written and read by clients, not through HTTP")
        if type_ == "TableIdentifier":
            self._table(self._parts(node))
        elif type_ == "Function":
            self._function(node, role)
        elif type_ == "SetQuery":
            self._settings(node, role)
        elif "func_name" in node:
            self._scalar(str(node["func_name"]))
        elif type_ == "AlterCommand" and DENIED_ALTERS.fullmatch(str(node.get("command_type"))):
            raise _denied(f"this user may not {node.get('command_type')}")
        elif "function" in type_.lower():
            raise _denied(f"{type_} is not known to be harmless")
        if type_ not in {"TableIdentifier", "Function", "Identifier"}:
            self._named(node)

    def _settings(self, node: Node, role: str) -> None:
        if not self._rights.may_set and role != "explain":
            raise Problem(164, "Cannot modify settings in readonly mode")
        for change in node.get("changes", ()):
            check_setting(str(change.get("name")))

    def _named(self, node: Node) -> None:
        """Databases and tables that a node names by its own fields, such as `from_database` and `from_table`."""
        if node.get("type") == "ShowTablesQuery":
            self._database(self._text(node.get("from")), also=("system",))
            return
        prefixes = {match.group(1) for key in node if (match := _NAMING_FIELD.fullmatch(key))}
        for prefix in prefixes:
            database, table = (
                self._text(node.get(f"{prefix}{field}_ast")) or self._text(node.get(f"{prefix}{field}"))
                for field in ("database", "table")
            )
            if table and not node.get("is_temporary"):
                self._table([database, table] if database else [table])
            elif database:
                self._database(database)

    def _function(self, node: Node, role: str) -> None:
        name = str(node.get("name"))
        if role == "engine":
            if not ENGINES.fullmatch(name):
                raise _denied(f"this user may not use the engine {name}")
        elif role == "table_function":
            if node.get("is_compound_name"):
                self._table(name.split("."))
            elif name.lower() not in self._rights.table_functions:
                raise _denied(f"this user may not use the table function {name}")
        else:
            self._scalar(name)
            if _TESTS_OF_MEMBERSHIP.fullmatch(name):
                arguments = node.get("arguments", {}).get("children", [])
                for argument in arguments[1:2]:
                    if argument.get("type") == "Identifier":
                        self._table(self._parts(argument))

    def _scalar(self, name: str) -> None:
        if DENIED_FUNCTIONS.fullmatch(name.lower()):
            raise _denied(f"this user may not use the function {name}")

    def _table(self, parts: list[str]) -> None:
        if any("/" in part for part in parts):
            raise _denied("tables are not paths")
        if len(parts) == 1:
            if self._scope.database in self._rights.databases:
                return
            if parts[0] in self._local and _PLAIN_NAME.fullmatch(parts[0]):
                return
            raise _denied(f"name the database of {parts[0]}: one of {', '.join(sorted(self._rights.databases))}")
        database, table = parts[0], parts[-1]
        if database == "system" and len(parts) == 2 and table in self._rights.system_tables:
            self._system.add(table)
            return
        self._database(database, f"{database}.{table}")

    def _database(self, name: str, shown: str = "", also: tuple[str, ...] = ()) -> None:
        if name and name not in self._rights.databases and name not in also:
            raise _denied(f"this user may not use {shown or name}")

    def _parts(self, node: Node) -> list[str]:
        parts = [str(part) for part in node.get("name_parts") or [node.get("name", "")]]
        values = iter([self._parameter(child) for child in node.get("children", ()) if isinstance(child, dict)])
        filled = [part or next(values, "") for part in parts]
        if not all(filled):
            raise _denied("a name is empty")
        return filled

    def _parameter(self, node: Node) -> str:
        return self._scope.params.get(str(node.get("name")), "")

    def _text(self, value: object) -> str:
        if isinstance(value, dict):
            return ".".join(self._parts(value)) if value.get("type") in {"Identifier", "TableIdentifier"} else ""
        return value if isinstance(value, str) else ""


def _only_tables(tree: Node) -> None:
    if tree.get("is_dictionary"):
        raise _denied("this user may not use dictionaries")
    if not tree.get("table") and not tree.get("table_ast") and not tree.get("database_and_tables"):
        raise _denied("this user may not create or drop databases")
    if tree.get("has_attach_from_path") or tree.get("attach"):
        raise _denied("this user may not attach")


def _nodes(value: object, role: str = "") -> Iterator[tuple[Node, str]]:
    """Every node of a tree with the field of its parent that holds it."""
    if isinstance(value, dict):
        yield value, role
        for key, child in value.items():
            inherited = "explain" if value.get("type") == "ExplainQuery" and key != "query" else key
            yield from _nodes(child, inherited)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child, role)


def _denied(message: str) -> Problem:
    return Problem(497, f"Not enough privileges: {message}")
