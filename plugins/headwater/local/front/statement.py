"""What the front must know of a statement before it runs: the data of an INSERT, the format of an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from headwater.local.front.tokens import Token, Unfinished, tokens

_SOURCES = {"SELECT", "WITH", "WATCH", "EXPLAIN", "EXECUTE"}
_CLAUSES = _SOURCES | {"SETTINGS", "FROM", "VALUES", "FORMAT"}
_TAIL_FORMAT = re.compile(r"\sFORMAT\s+([A-Za-z]\w*)[\s;]*$", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class DataInsert:
    """An INSERT whose rows follow its text: `text[:infile_at]`, clauses, then data from `data_at` in `format`."""

    text: str
    infile_at: int
    clauses_end: int
    format: str
    data_at: int

    @property
    def head(self) -> str:
        """The INSERT without its data."""
        return f"{self.text[: self.clauses_end]}\nFORMAT {self.format}"

    def reading(self, path: str) -> str:
        """The same INSERT, reading its rows from a file; `path` is a literal of SQL."""
        clauses = self.text[self.infile_at : self.clauses_end]
        return f"{self.text[: self.infile_at]}\nFROM INFILE {path} COMPRESSION 'none' {clauses}\nFORMAT {self.format}"


class OwnFile(Exception):
    """The INSERT names a file of its own, which no client of the server may do."""


def find_data_insert(text: str, *, whole: bool) -> DataInsert | None:
    """Split an INSERT with data; None for every other statement.

    Raises `Unfinished` while the text may still become one, unless `whole` says that nothing follows.
    """
    try:
        return _split(text, whole=whole)
    except Unfinished:
        if whole:
            return None
        raise


def _split(text: str, *, whole: bool) -> DataInsert | None:
    stream = tokens(text)
    first = next(stream, None)
    if first is None:
        raise Unfinished
    if first.text != "INSERT" or first.kind != "word":
        if first.end == len(text) and "INSERT".startswith(first.text):
            raise Unfinished
        return None
    settings_at = None
    for token in _clauses(stream, first):
        if token.text in _SOURCES or token.kind == "mark":
            return None
        if token.text == "FROM":
            raise OwnFile
        if token.text == "SETTINGS":
            settings_at = settings_at or token.start
        else:
            return _data(text, token, settings_at, whole=whole)
    raise Unfinished


def _clauses(stream: Iterator[Token], insert: Token) -> Iterator[Token]:
    """Keywords after the table's name that decide what follows; a semicolon is one of them."""
    depth, named, previous = 0, False, insert
    for token in stream:
        if token.text == ";":
            yield token
        if token.kind == "mark":
            depth += {"(": 1, ")": -1}.get(token.text, 0)
        elif token.kind == "word" and named and previous.text != ".":
            in_brackets = depth == 1 and previous.text == "(" and token.text in {"SELECT", "WITH"}
            if (depth == 0 and token.text in _CLAUSES) or in_brackets:
                yield token
        named = named or token.kind == "quoted" or token.text not in {"INTO", "TABLE", "FUNCTION"}
        previous = token


def _data(text: str, keyword: Token, settings_at: int | None, *, whole: bool) -> DataInsert:
    infile_at = settings_at if settings_at is not None else keyword.start
    if keyword.text == "VALUES":
        return DataInsert(text, infile_at, keyword.start, "Values", keyword.end)
    name = next(tokens(text, keyword.end), None)
    if name is None or name.kind != "word" or (name.end == len(text) and not whole):
        raise Unfinished
    written = text[name.start : name.end]
    end = _skip(text, name.end, " \t\f")
    if text.startswith(";", end):
        end = _skip(text, end + 1, " \t\f")
    if text[end:] in {"", "\r"} and not whole:
        raise Unfinished
    if text.startswith("\r\n", end):
        end += 2
    elif text.startswith("\n", end):
        end += 1
    return DataInsert(text, infile_at, keyword.start, written, end)


def _skip(text: str, position: int, characters: str) -> int:
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def first_word(text: str) -> str:
    """The first token of a statement, upper-cased."""
    try:
        token = next(tokens(text), None)
    except Unfinished:
        return ""
    return token.text if token else ""


def split_output(canonical: str) -> tuple[str, str | None]:
    """A statement in the engine's own formatting, cut before `INTO OUTFILE` and `FORMAT`; and the format, if any.

    Raises `OwnFile` when it writes to a file. The rest after the cut (settings) is kept.
    """
    depth, previous = 0, ""
    found: tuple[Token, str] | None = None
    for token in tokens(canonical):
        if token.kind == "mark":
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
        if depth == 0 and token.kind == "word":
            if token.text == "OUTFILE" and previous == "INTO":
                raise OwnFile
            if previous == "FORMAT" and found is not None:
                found = (found[0], canonical[token.start : token.end])
                return f"{canonical[: found[0].start]} {canonical[token.end :]}", found[1]
            if token.text == "FORMAT":
                found = (token, "")
        previous = token.text if token.kind == "word" else ""
    return canonical, None


def tail_format(text: str) -> str | None:
    """The format at the very end of a statement, where that is certain without parsing; None otherwise."""
    match = _TAIL_FORMAT.search(text)
    if match is None or "/*" in text:
        return None
    last_line = text[text.rfind("\n", 0, match.end(1)) + 1 :]
    before_keyword = text[text.rfind("\n", 0, match.start() + 1) + 1 : match.start() + 1]
    return None if any(mark in line for line in (last_line, before_keyword) for mark in ("--", "#")) else match.group(1)
