"""The HTTP interface itself: plain curl, headers, methods, limits."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import lz4.frame
import psutil
import pytest
import zstandard

from tests.support.front import Front

pytestmark = pytest.mark.stack

Answer = tuple[int, dict[str, str], bytes]


def ask(
    front: Front,
    sql: str | bytes = b"",
    *,
    user: str = "owner",
    method: str = "POST",
    headers: dict[str, str] | None = None,
    **url: object,
) -> Answer:
    """One request with basic authentication."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60)
    login = base64.b64encode(f"{user}:{front.passwords[user]}".encode()).decode()
    sent = {"Authorization": f"Basic {login}", **(headers or {})}
    try:
        connection.request(method, "/?" + urlencode({k: str(v) for k, v in url.items()}), sql, sent)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def curl(*arguments: str) -> str:
    """Output of curl."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    command = [program, "--silent", "--show-error", "--max-time", "60", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "no_proxy": "*"}
    ).stdout


def test_ping_needs_no_login_and_head_has_no_body(front: Front) -> None:
    for path in ("/ping", "/replicas_status"):
        assert curl(f"http://127.0.0.1:{front.port}{path}") == "Ok.\n"
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60)
    for _ in range(3):
        connection.request("HEAD", "/ping")
        response = connection.getresponse()
        assert (response.status, response.getheader("content-length"), response.read()) == (200, "4", b"")
    connection.close()


def test_curl_in_all_its_forms(front: Front, tmp_path: Path) -> None:
    plain, url = f"http://127.0.0.1:{front.port}/", front.owner_url
    password = front.passwords["owner"]
    one = quote("SELECT 1")
    assert curl(f"{url}?query={one}") == "1\n"
    assert curl("-u", f"owner:{password}", plain, "-d", "SELECT 2") == "2\n"
    assert (
        curl("-H", "X-ClickHouse-User: owner", "-H", f"X-ClickHouse-Key: {password}", plain, "-d", "SELECT 3") == "3\n"
    )
    assert curl(f"{plain}?user=owner&password={quote(password)}&query={one}") == "1\n"
    assert curl(f"{url}?query={quote('SELECT 4 +')}", "-d", "5") == "9\n"
    assert curl(f"{url}?default_format=JSONEachRow", "-d", "SELECT 1 AS a") == '{"a":1}\n'
    assert (
        curl(f"{url}?database=analytics&param_p=home", "-d", "SELECT count() FROM visits WHERE page = {p:String}")
        == "2\n"
    )
    assert curl(url, "-F", "query=SELECT {x:UInt8} + 1", "-F", "param_x=6") == "7\n"
    file = tmp_path / "rows.csv"
    file.write_text("".join(f"{number},page\n" for number in range(200_000)))
    curl(url, "-d", "CREATE OR REPLACE TABLE analytics.curled (id UInt64, page String) ENGINE = Memory")
    insert = quote("INSERT INTO analytics.curled FORMAT CSV")
    assert curl(f"{url}?query={insert}", "--data-binary", f"@{file}") == ""
    assert curl(f"{url}?query={insert}", "--data-binary", f"@{file}", "-H", "Transfer-Encoding: chunked") == ""
    assert curl(f"{url}?query={insert}", "--data-binary", f"@{file}", "-H", "Expect: 100-continue") == ""
    assert curl(url, "-d", "SELECT count(), sum(id) FROM analytics.curled") == "600000\t59999700000\n"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("INSERT INTO analytics.forms VALUES (1, 'a'), (1 + 1, 'it''s'); ", 2),
        ("insert into analytics.forms (page, id) values ('b', 3)", 1),
        ('INSERT INTO analytics.forms FORMAT JSONEachRow {"id": 4, "page": "c"}', 1),
        ('INSERT INTO analytics.forms FORMAT JSONEachRow\n{"id": 5}\n{"id": 6}\n', 2),
        ("INSERT INTO analytics.forms (id) SETTINGS async_insert = 0 FORMAT CSV\n7\n8\n", 2),
        ("INSERT INTO TABLE `analytics`.`forms` -- a comment, FORMAT Native\n FORMAT TSV\n9\tFORMAT CSV\n", 1),
        ("/* VALUES */ INSERT INTO analytics.forms (id, /* , */ page) FORMAT CSV\r\n10,x\r\n", 1),
        ("INSERT INTO analytics.forms SELECT number, 'FORMAT CSV' FROM numbers(3)", 3),
        ("INSERT INTO analytics.forms (id) SELECT id FROM (SELECT 1 AS id) FORMAT Null", 1),
        ("WITH 5 AS n INSERT INTO analytics.forms SELECT number, 'w' FROM numbers(n)", 5),
        ("INSERT INTO analytics.forms FORMAT JSONEachRow", 0),
    ],
)
def test_every_form_of_insert(front: Front, text: str, rows: int) -> None:
    ask(front, "CREATE OR REPLACE TABLE analytics.forms (id UInt64, page String) ENGINE = Memory")
    for cut in (0, text.find("FORMAT"), len(text)):
        if cut < 0 or (0 < cut < len(text) and ("--" in text or "/*" in text)):
            continue
        ask(front, "TRUNCATE TABLE analytics.forms")
        url: dict[str, Any] = {"query": text[:cut].rstrip()} if cut else {}
        status, headers, body = ask(front, text[cut:].encode(), **url)
        assert (status, body) == (200, b""), body
        summary = json.loads(headers["x-clickhouse-summary"])
        assert summary["written_rows"] == str(rows)
        assert ask(front, "SELECT count() FROM analytics.forms")[2] == b"%d\n" % rows


def test_a_body_in_small_pieces_is_put_together(front: Front) -> None:
    ask(front, "CREATE OR REPLACE TABLE analytics.pieces (id UInt64, page String) ENGINE = Memory")
    text = "INSERT INTO analytics.pieces FORMAT JSONEachRow\n" + '{"id": 1, "page": "ü"}\n' * 3
    pieces = [bytes([byte]) for byte in text.encode()]
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60)
    login = base64.b64encode(f"owner:{front.passwords['owner']}".encode()).decode()
    connection.request("POST", "/", iter(pieces), {"Authorization": f"Basic {login}"}, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert ask(front, "SELECT count(), any(page) FROM analytics.pieces")[2] == "3\tü\n".encode()


@pytest.mark.parametrize("encoding", ["gzip", "lz4", "zstd", "deflate"])
def test_bodies_and_answers_are_compressed_on_demand(front: Front, encoding: str) -> None:
    import zlib

    pack = {"gzip": gzip.compress, "lz4": lz4.frame.compress, "zstd": zstandard.compress, "deflate": zlib.compress}[
        encoding
    ]
    unpack = {
        "gzip": gzip.decompress,
        "lz4": lz4.frame.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        "deflate": zlib.decompress,
    }[encoding]
    sql = b"SELECT number FROM numbers(400000)"
    sent = {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    status, headers, body = ask(front, pack(sql), headers=sent, enable_http_compression=1)
    assert (status, headers["content-encoding"]) == (200, encoding)
    assert unpack(body).count(b"\n") == 400_000
    status, headers, body = ask(front, pack(sql), headers=sent)
    assert "content-encoding" not in headers
    status, headers, body = ask(front, pack(sql)[:-5], headers=sent)
    assert (status, headers["x-clickhouse-exception-code"]) == (400, "271")


@pytest.mark.parametrize(
    ("sql", "status", "code", "name"),
    [
        ("SELECT * FROM analytics.nowhere", 404, 60, "UNKNOWN_TABLE"),
        ("SELECT * FROM nowhere.t", 404, 81, "UNKNOWN_DATABASE"),
        ("SELEC 1", 400, 62, "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 400, 62, "SYNTAX_ERROR"),
        ("SELECT nope", 404, 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT nope()", 404, 46, "UNKNOWN_FUNCTION"),
        ("SELECT 1 FORMAT Nope", 404, 73, "UNKNOWN_FORMAT"),
        ("SELECT throwIf(1)", 500, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT throwIf(number = 1) FROM numbers(3) FORMAT JSON", 500, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        (
            "SELECT sleepEachRow(1) FROM numbers(3) SETTINGS max_execution_time = 1, max_block_size = 1",
            408,
            159,
            "TIMEOUT_EXCEEDED",
        ),
        ("SELECT {x:UInt8}", 400, 456, "UNKNOWN_QUERY_PARAMETER"),
        ("SELECT 1 SETTINGS zork = 1", 404, 115, "UNKNOWN_SETTING"),
    ],
)
def test_errors_have_the_status_code_and_text_of_the_server(
    front: Front, sql: str, status: int, code: int, name: str
) -> None:
    answered, headers, body = ask(front, sql)
    assert (answered, headers["x-clickhouse-exception-code"]) == (status, str(code)), body
    text = body.decode()
    assert text.startswith(f"Code: {code}. DB::Exception: ")
    assert f"({name}) (version " in text
    assert text.endswith(")\n")


def test_logins(front: Front) -> None:
    plain = f"http://127.0.0.1:{front.port}/"
    for arguments in (
        (),
        ("-u", "owner:wrong"),
        ("-u", "nobody:x"),
        ("-u", "owner:"),
        ("-H", "X-ClickHouse-User: reader", "-H", f"X-ClickHouse-Key: {front.passwords['owner']}"),
        ("-H", "Authorization: Bearer x"),
        ("-H", "Authorization: Basic !!"),
    ):
        answer = curl(*arguments, "-i", plain, "-d", "SELECT 1")
        assert answer.startswith(("HTTP/1.1 401", "HTTP/1.1 403"))
        assert "x-clickhouse-exception-code: 516" in answer.lower()
        assert "AUTHENTICATION_FAILED" in answer


def test_passwords_are_never_logged(front: Front) -> None:
    password = front.passwords["owner"]
    curl(f"http://127.0.0.1:{front.port}/?user=owner&password={quote(password)}&query=SELECT%20nope")
    curl(f"{front.owner_url}nowhere")
    logged = ask(front, "SYSTEM FLUSH LOGS") and ask(front, "SELECT * FROM system.query_log FORMAT TSV")[2].decode()
    for text in (front.log, logged):
        assert all(secret not in text for secret in front.passwords.values())


def test_get_only_reads(front: Front) -> None:
    for sql in ("DROP TABLE analytics.visits", "INSERT INTO analytics.visits VALUES (9, 'x')", "CREATE DATABASE x"):
        status, headers, _ = ask(front, method="GET", query=sql)
        assert (status, headers["x-clickhouse-exception-code"]) == (400, "164")
    assert ask(front, method="GET", query="SELECT count() FROM analytics.visits")[2] == b"3\n"


def test_unknown_paths_and_methods(front: Front) -> None:
    assert "HTTP/1.1 404" in curl("-i", f"{front.owner_url}nowhere")
    assert "HTTP/1.1 501" in curl("-i", "-X", "DELETE", front.owner_url)
    assert "Ok.\n" in curl(f"{front.owner_url}")


def test_a_body_over_the_limit_is_refused_before_it_is_sent(front: Front) -> None:
    headers = {"Content-Length": str(5 << 30)}
    status, _, body = ask(front, b"", headers=headers, query="INSERT INTO analytics.visits FORMAT CSV")
    assert (status, b"over the limit" in body) == (413, True)


def test_a_head_without_end_is_refused(front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
        refused = False
        try:
            for _ in range(80):
                connection.sendall(b"x" * 65536)
            refused = connection.recv(100).startswith(b"HTTP/1.1 400")
        except (ConnectionResetError, BrokenPipeError):
            refused = True
    assert refused


def test_it_listens_on_loopback_only(front: Front) -> None:
    listening = [c.laddr for c in psutil.Process(front.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", front.port)]


def test_nothing_stays_in_the_spool(front: Front) -> None:
    ask(front, "SELECT number FROM numbers(10) FORMAT JSON")
    ask(front, "INSERT INTO analytics.nowhere VALUES (1)")
    ask(front, "SELECT throwIf(1) FORMAT JSON")
    for folder in (front.folder / "spool", *Path("/dev/shm").glob("headwater-spool-*")):
        if folder.stat().st_uid == os.getuid():
            assert folder.stat().st_mode & 0o077 == 0
    assert {file.name for file in (front.folder / "spool").iterdir()} <= {"empty", "engine.config"}
    memory = [Path(file.path).parent for file in psutil.Process(front.pid).open_files() if file.path.endswith("/lock")]
    for folder in memory:
        assert {file.name for file in folder.iterdir()} <= {"lock"}
