"""A mail server that keeps what it gets: enough of SMTP for one client at a time."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer(socketserver.TCPServer):
    """Listens on a free port of 127.0.0.1; `refuses` is its answer to a letter, such as `451 later`."""

    allow_reuse_address = True

    def __init__(self, refuses: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.refuses = refuses
        self.letters: list[EmailMessage] = []
        self.people: list[str] = []
        self.heard: list[str] = []

    @property
    def url(self) -> str:
        """Its address for the settings."""
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class _Talk(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            self.server.heard.append(line)
            verb = line[:4].upper()
            if verb == "EHLO":
                self._say("250 here")
            elif verb == "DATA":
                self._say("354 go on")
                self._take()
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                if verb == "RCPT":
                    self.server.people.append(line.partition("<")[2].rstrip(">"))
                self._say("250 fine")

    def _take(self) -> None:
        lines = iter(self.rfile.readline, b".\r\n")
        letter = message_from_bytes(b"".join(lines), policy=policy.default)
        if self.server.refuses:
            self._say(self.server.refuses)
            return
        assert isinstance(letter, EmailMessage)
        self.server.letters.append(letter)
        self._say("250 taken")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mail_server(refuses: str = "") -> Iterator[MailServer]:
    """A running mail server."""
    with MailServer(refuses) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
