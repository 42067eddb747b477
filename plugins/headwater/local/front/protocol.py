"""uvicorn's HTTP protocol with a bound on the head of a request."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 2 << 20


class LimitedProtocol(HttpToolsProtocol):
    """Refuses a request line and headers of more than `MAX_HEAD_BYTES`, which the parser alone would collect."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Feed the parser unless the head has grown too long."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("The head of the request is too long")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A new head begins."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head = False
        super().on_headers_complete()
