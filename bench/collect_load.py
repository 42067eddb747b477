"""Load for HTTP endpoints that take events: connections that each send the next request when the last is answered.

Run as `python -m bench.collect_load PORT PATH KEY BATCH CONNECTIONS SECONDS`; prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_PATHS = ("/home", "/product_a", "/product_b", "/cart", "/payment", "/confirmation")
_SESSIONS = 500
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"


def _event(number: int, session: int) -> str:
    """As the tracker sends it; the id is filled in for each request."""
    path = _PATHS[number % len(_PATHS)]
    event = {
        "event_id": "@",
        "type": "click",
        "session_id": f"6a0e5e4c-5c2b-4f4e-9d6f-{session:012x}",
        "user_id": f"7b0e5e4c-5c2b-4f4e-9d6f-{session:012x}",
        "url": f"https://shop.example{path}?utm_source=google&utm_campaign=spring",
        "referrer": "https://shop.example/home",
        "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "user_agent": _AGENT.format(100 + session % 30),
        "language": "de-DE",
        "timezone": "Europe/Berlin",
        "payload": {"event_title": "Add to cart", "element_id": "add-to-cart", "x": 412.5, "y": 1080 + session},
    }
    return json.dumps(event, separators=(",", ":")).replace("%", "%%").replace('"@"', '"00000000-0000-4000-8000-%012x"')


class _Load:
    def __init__(self, port: int, path: str, key: str, batch: int) -> None:
        self._port = port
        # A request holds events of one visit, as pages send them; the visits come in turn.
        self._bodies = [f"[{','.join(_event(n + visit, visit) for n in range(batch))}]" for visit in range(_SESSIONS)]
        head = (
            f"POST {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            f"X-Write-Key: {key}",
            "Content-Type: application/json",
        )
        self._head = "\r\n".join((*head, "Content-Length: "))
        self._batch = batch
        self._next = time.time_ns() >> 10 & 0xFFFFFFFFFFFF
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()

    def _request(self) -> bytes:
        first, self._next = self._next, self._next + self._batch
        body = self._bodies[first // self._batch % len(self._bodies)] % tuple(range(first, self._next))
        return f"{self._head}{len(body)}\r\n\r\n{body}".encode()

    async def connection(self, until: float) -> None:
        """One client."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while time.perf_counter() < until:
            request = self._request()
            began = time.perf_counter()
            writer.write(request)
            head = (await reader.readuntil(_HEAD_END)).lower()
            await reader.readexactly(int(head.split(_LENGTH)[1].split(b"\r\n")[0]))
            self.latencies.append(time.perf_counter() - began)
            self.statuses[int(head[9:12])] += 1
        writer.close()


async def _run(load: _Load, connections: int, seconds: float) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(load.connection(began + seconds) for _ in range(connections)))
    return time.perf_counter() - began


def main() -> None:
    """Send for the given time."""
    port, path, key, batch, connections, seconds = sys.argv[1:]
    load = _Load(int(port), path, key, int(batch))
    took_s = uvloop.run(_run(load, int(connections), float(seconds)))
    ordered = sorted(load.latencies)
    print(
        json.dumps(
            {
                "requests": len(ordered),
                "statuses": dict(load.statuses),
                "took_s": took_s,
                "p50_ms": ordered[len(ordered) // 2] * 1000,
                "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
            }
        )
    )


if __name__ == "__main__":
    main()
