"""The engine's lexer as far as the front needs it: where a statement's keywords stand and where its data begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "quoted", "string", "mark"]

_SPACE = re.compile(r"\s+|--[^\n]*(?:\n|$)|#[ !][^\n]*(?:\n|$)", re.ASCII)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_HEREDOC = re.compile(r"\$\w*\$", re.ASCII)
_QUOTED = {
    "'": re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL),
    '"': re.compile(r'"(?:[^"\\]|\\.|"")*"', re.DOTALL),
    "`": re.compile(r"`(?:[^`\\]|\\.|``)*`", re.DOTALL),
}


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a statement; words are upper-cased, so that keywords compare."""

    kind: Kind
    text: str
    start: int
    end: int


class Unfinished(Exception):
    """The text ends inside a string, a quoted name or a comment."""


def tokens(text: str, start: int = 0) -> Iterator[Token]:
    """Tokens without space and comments; raises `Unfinished` where the text breaks off inside one."""
    position, size = start, len(text)
    while position < size:
        char = text[position]
        if space := _SPACE.match(text, position):
            position = space.end()
        elif text.startswith("/*", position):
            position = _comment_end(text, position)
        elif char in _QUOTED:
            match = _QUOTED[char].match(text, position)
            if match is None:
                raise Unfinished
            yield Token("string" if char == "'" else "quoted", match.group(), position, match.end())
            position = match.end()
        elif heredoc := _HEREDOC.match(text, position):
            end = text.find(heredoc.group(), heredoc.end())
            if end < 0:
                raise Unfinished
            end += len(heredoc.group())
            yield Token("string", text[position:end], position, end)
            position = end
        elif word := _WORD.match(text, position):
            yield Token("word", word.group().upper(), position, word.end())
            position = word.end()
        elif char in "/-#$" and position + 1 == size:
            raise Unfinished
        else:
            yield Token("mark", char, position, position + 1)
            position += 1


def _comment_end(text: str, start: int) -> int:
    depth, position = 1, start + 2
    while depth:
        edge = _COMMENT_EDGE.search(text, position)
        if edge is None:
            raise Unfinished
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return position
