"""Errors as ClickHouse's HTTP interface reports them: a code, a name, a text and a status."""

from __future__ import annotations

import re

_CODE = re.compile(r"Code: (\d+)\.")

# Statuses as the server chooses them (HTTPHandler, exceptionCodeToHTTPStatus); every other code is a 500.
_BAD_REQUEST = {
    6,
    26,
    27,
    38,
    41,
    42,
    43,
    44,
    46,
    47,
    62,
    69,
    72,
    110,
    117,
    120,
    130,
    158,
    164,
    168,
    179,
    184,
    223,
    321,
    344,
    376,
    377,
    386,
    396,
    441,
    456,
    457,
    675,
    676,
}
_STATUS = {
    **dict.fromkeys(_BAD_REQUEST, 400),
    **dict.fromkeys((36, 48), 501),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 81, 115, 141), 404),
    **dict.fromkeys((192, 193, 516, 511), 403),
    194: 401,
    497: 403,
    159: 408,
    241: 500,
    202: 503,
    209: 503,
    439: 503,
    381: 411,
    372: 404,
}
NAMES = {
    36: "BAD_ARGUMENTS",
    48: "NOT_IMPLEMENTED",
    62: "SYNTAX_ERROR",
    72: "CANNOT_PARSE_NUMBER",
    73: "UNKNOWN_FORMAT",
    271: "CANNOT_DECOMPRESS",
    117: "INCORRECT_DATA",
    159: "TIMEOUT_EXCEEDED",
    164: "READONLY",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    243: "NOT_ENOUGH_SPACE",
    307: "TOO_MANY_BYTES",
    372: "SESSION_NOT_FOUND",
    373: "SESSION_IS_LOCKED",
    374: "INVALID_SESSION_TIMEOUT",
    394: "QUERY_WAS_CANCELLED",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
    1001: "STD_EXCEPTION",
}


class Problem(Exception):
    """A request that cannot be answered; `str()` is the text that the client reads."""

    def __init__(self, code: int, message: str, status: int | None = None) -> None:
        name = NAMES.get(code, "UNKNOWN_EXCEPTION")
        super().__init__(f"Code: {code}. DB::Exception: {message} ({name})")
        self.code = code
        self.status = status or _STATUS.get(code, 500)


class EngineProblem(Problem):
    """An error of the engine, with its own text."""

    def __init__(self, text: str) -> None:
        match = _CODE.search(text)
        code = int(match.group(1)) if match else 1001
        super().__init__(code, text)
        self.args = (text[match.start() :].strip() if match else text.strip(),)
