"""The request as ClickHouse's HTTP interface understands it: parameters of the URL, headers, credentials."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from headwater.local.front.problems import Problem

# Names in the URL that steer the transport and are no settings of the engine.
_TRANSPORT = {
    "query",
    "database",
    "default_format",
    "user",
    "password",
    "query_id",
    "session_id",
    "session_timeout",
    "session_check",
    "quota_key",
    "role",
    "compress",
    "decompress",
    "wait_end_of_query",
    "buffer_size",
    "client_protocol_version",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "enable_http_compression",
    "http_zlib_compression_level",
    "add_http_cors_header",
    "stacktrace",
    "close_session",
    "cancel_http_readonly_queries_on_client_close",
    "http_response_headers",
    "framework",
}
_QUERY_ID = re.compile(r"[\x20-\x7e]{1,200}")
_FORMAT = re.compile(r"[A-Za-z]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks; the password never reaches a log."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One request without its body."""

    method: str
    path: str
    headers: Mapping[bytes, bytes] = field(repr=False)
    transport: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, str]
    params: Mapping[str, str] = field(repr=False)
    external: Mapping[str, str]
    query_id: str

    @property
    def query(self) -> str:
        """SQL of the URL."""
        return self.transport.get("query", "")

    @property
    def default_format(self) -> str:
        """Format of the answer when the statement names none."""
        named = self.transport.get("default_format") or self.header("x-clickhouse-format") or "TabSeparated"
        if not _FORMAT.fullmatch(named):
            raise Problem(73, f"Unknown format {named!r}", 404)
        return named

    @property
    def database(self) -> str:
        """Database in which unqualified names are looked up."""
        return self.transport.get("database") or self.header("x-clickhouse-database") or ""

    def header(self, name: str) -> str:
        """A header as text, or nothing."""
        return self.headers.get(name.encode(), b"").decode("latin-1")

    def flag(self, name: str) -> bool:
        """Whether a switch of the transport is on."""
        return self.transport.get(name, "0") not in {"", "0", "false"}


def parse(scope: Mapping[str, Any]) -> Request:
    """Read the URL and the headers."""
    headers = dict(scope["headers"])
    pairs = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, encoding="utf-8"))
    return _request(str(scope["method"]), str(scope["path"]), headers, pairs)


def with_fields(request: Request, fields: Iterable[tuple[str, str]], tables: tuple[str, ...] = ()) -> Request:
    """The request after the text fields of a multipart form are added; `tables` are the names of its files."""
    pairs = {**request.transport, **request.settings, **_prefixed(request.params), **dict(fields)}
    pairs["query_id"] = request.query_id
    return _request(request.method, request.path, request.headers, pairs, tables)


def _prefixed(params: Mapping[str, str]) -> dict[str, str]:
    return {f"param_{name}": value for name, value in params.items()}


def _request(
    method: str, path: str, headers: Mapping[bytes, bytes], pairs: Mapping[str, str], tables: tuple[str, ...] = ()
) -> Request:
    described = {f"{table}_{part}" for table in tables for part in ("structure", "types", "format")}
    transport: dict[str, str] = {}
    settings: dict[str, str] = {}
    params: dict[str, str] = {}
    external: dict[str, str] = {}
    for name, value in pairs.items():
        if name.startswith("param_"):
            params[name.removeprefix("param_")] = value
        elif name in _TRANSPORT:
            transport[name] = value
        elif name in described:
            external[name] = value
        else:
            settings[name] = value
    query_id = transport.get("query_id") or headers.get(b"x-clickhouse-query-id", b"").decode("latin-1")
    if not _QUERY_ID.fullmatch(query_id):
        query_id = secrets.token_hex(16)
    return Request(method, path, headers, transport, settings, params, external, query_id)


def credentials(request: Request) -> Credentials:
    """The login of a request: headers of ClickHouse, basic authentication or the URL, as the server allows."""
    if request.header("x-clickhouse-user") or request.header("x-clickhouse-key"):
        return Credentials(request.header("x-clickhouse-user"), _utf8(request.headers.get(b"x-clickhouse-key", b"")))
    authorization = request.header("authorization")
    if authorization:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "basic":
            raise Problem(516, "Only basic authentication is known here")
        try:
            user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Problem(516, "The basic authentication cannot be read") from None
        return Credentials(user, password)
    return Credentials(request.transport.get("user", ""), request.transport.get("password", ""))


def _utf8(value: bytes) -> str:
    return value.decode("utf-8", "replace")
