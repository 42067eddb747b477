"""Status lines, headers and error bodies as clients of ClickHouse expect them."""

from __future__ import annotations

import json

from headwater.local.front.engine import Counts
from headwater.local.front.problems import Problem

Headers = list[tuple[bytes, bytes]]

_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "Pretty": "text/plain; charset=UTF-8",
    "Vertical": "text/plain; charset=UTF-8",
    "XML": "application/xml; charset=UTF-8",
    "Markdown": "text/markdown; charset=UTF-8",
    "Values": "text/plain; charset=UTF-8",
}


def content_type(output_format: str) -> str:
    """Media type of a format; plain text for a statement without a result."""
    if not output_format:
        return "text/plain; charset=UTF-8"
    if output_format.startswith("JSON") and "EachRow" in output_format:
        return "application/x-ndjson; charset=UTF-8"
    for prefix, media in _TYPES.items():
        if output_format.startswith(prefix):
            return media
    return "application/octet-stream"


def summary(counts: Counts) -> bytes:
    """Value of `X-ClickHouse-Summary`."""
    return json.dumps(
        {
            "read_rows": str(counts.read_rows),
            "read_bytes": str(counts.read_bytes),
            "written_rows": str(counts.written_rows),
            "written_bytes": str(counts.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": str(counts.written_rows or counts.result_rows),
            "result_bytes": str(counts.written_bytes or counts.result_bytes),
            "elapsed_ns": str(round(counts.elapsed_s * 1e9)),
            "memory_usage": "0",
        },
        separators=(",", ":"),
    ).encode()


def common_headers(query_id: str) -> Headers:
    """Headers of every answer to a query."""
    return [
        (b"x-clickhouse-server-display-name", b"headwater-local"),
        (b"x-clickhouse-query-id", query_id.encode("latin-1", "replace")),
        (b"x-clickhouse-timezone", b"UTC"),
    ]


def problem_body(problem: Problem, version: str) -> bytes:
    """Error text with the version, as the server writes it."""
    text = str(problem)
    return (text if f"(version {version})" in text[-60:] else f"{text} (version {version})").encode() + b"\n"


def late_problem(problem: Problem, version: str, tag: str) -> bytes:
    """An error after the first rows, as a block that clients look for by the tag of the header."""
    text = problem_body(problem, version)
    return b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (
        tag.encode(),
        text,
        len(text),
        tag.encode(),
    )


def problem_headers(problem: Problem) -> Headers:
    """Headers of an error."""
    headers: Headers = [
        (b"content-type", b"text/plain; charset=UTF-8"),
        (b"x-clickhouse-exception-code", str(problem.code).encode()),
    ]
    if problem.status == 401:
        headers.append((b"www-authenticate", b'Basic realm="ClickHouse server HTTP API"'))
    return headers
