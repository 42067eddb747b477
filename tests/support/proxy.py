"""An HTTP proxy that cuts, delays and repeats requests by a plan, so that clients do not know what became of them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

_READ = 65_536
_END = b"\r\n\r\n"


class Deed(StrEnum):
    """What is done to one request."""

    PASS = "pass"
    CUT_BEFORE = "cut before"  # the server never sees it
    CUT_AFTER = "cut after"  # carried out, but the answer is swallowed
    LATE = "late"  # the client is cut at once, and the server gets the request later
    DELAY = "delay"  # carried out and answered, later
    TWICE = "twice"  # carried out twice at the same time


Plan = Callable[[bytes], Deed]


def seeded(seed: int, share: float) -> Plan:
    """A plan that does something to `share` of the POSTs; equal seeds give equal decisions."""
    random = Random(seed)
    deeds = [deed for deed in Deed if deed is not Deed.PASS]

    def choose(method: bytes) -> Deed:
        return random.choice(deeds) if method == b"POST" and random.random() < share else Deed.PASS

    return choose


@dataclass
class Proxy:
    """One proxy in front of one server, both on 127.0.0.1; `plan` may be changed while it runs."""

    upstream: int
    port: int = 0
    plan: Plan = lambda _method: Deed.PASS
    done: Counter[Deed] = field(default_factory=Counter)
    delay_s: float = 0.5
    _late: set[asyncio.Task[bytes]] = field(default_factory=set)
    _served: set[asyncio.Task[None]] = field(default_factory=set)
    _stopping: bool = False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task of its own."""
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._served.add(task)
        task.add_done_callback(self._served.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of one connection, which is closed after it."""
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                request = await _read_request(reader)
                await self._treat(self.plan(request.split(b" ", 1)[0]), request, writer)
        finally:
            if self._stopping:
                writer.transport.abort()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _treat(self, deed: Deed, request: bytes, writer: asyncio.StreamWriter) -> None:
        self.done[deed] += 1
        if deed is Deed.CUT_BEFORE:
            writer.transport.abort()
            return
        if deed is Deed.LATE:
            writer.transport.abort()
            task = asyncio.create_task(self._forward_later(request))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return
        if deed is Deed.DELAY:
            await asyncio.sleep(self.delay_s)
        if deed is Deed.TWICE:
            answer, _second = await asyncio.gather(self._forward(request), self._forward(request))
        else:
            answer = await self._forward(request)
        if deed is Deed.CUT_AFTER:
            writer.transport.abort()
            return
        writer.write(answer)
        await writer.drain()

    async def _forward_later(self, request: bytes) -> bytes:
        await asyncio.sleep(self.delay_s)
        with contextlib.suppress(OSError):
            return await self._forward(request)
        return b""

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            writer.write(request)
            await writer.drain()
            return await reader.read(-1)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def finish(self) -> None:
        """Wait for the requests that are still to come late, and cut the connections that are still open."""
        await asyncio.gather(*self._late)
        self._stopping = True
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)


@contextmanager
def proxy(upstream: int) -> Iterator[Proxy]:
    """A proxy in a thread of its own, on a free port."""
    made = Proxy(upstream)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    failure: list[OSError] = []

    async def run() -> None:
        try:
            server = await asyncio.start_server(made.accept, "127.0.0.1", 0)
            made.port = server.sockets[0].getsockname()[1]
        except OSError as error:
            failure.append(error)
            return
        finally:
            ready.set()
        async with server:
            await stop.wait()
        await made.finish()

    def work() -> None:
        loop.run_until_complete(run())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=work, name="proxy")
    thread.start()
    ready.wait()
    if failure:
        raise failure[0]
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    """One whole request, with its connection marked to be closed after the answer."""
    head = await reader.readuntil(_END)
    first, *lines = head[: -len(_END)].split(b"\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    kept = [line for line in lines if not line.lower().startswith(b"connection:")]
    body = await _read_body(reader, headers)
    return b"\r\n".join((first, *kept, b"Connection: close")) + _END + body


async def _read_body(reader: asyncio.StreamReader, headers: dict[bytes, bytes]) -> bytes:
    if headers.get(b"transfer-encoding", b"").lower() != b"chunked":
        return await reader.readexactly(int(headers.get(b"content-length", b"0")))
    parts = []
    while True:
        size = await reader.readline()
        chunk = await reader.readexactly(int(size.split(b";")[0], 16) + 2)
        parts += [size, chunk]
        if int(size.split(b";")[0], 16) == 0:
            return b"".join(parts)
