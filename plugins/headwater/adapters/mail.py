"""Mail through an SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from headwater.errors import FixSettings, Retry

_TIMEOUT_S = 30
_SUBMISSION_PORT, _TLS_PORT = 587, 465


class SmtpMail:
    """Sends letters to the same people through one server, `smtp://user:password@host:port` or `smtps://…`.

    A login goes over TLS only: with `smtp` the server has to offer STARTTLS.
    """

    def __init__(self, url: str, sender: str, recipients: Sequence[str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise FixSettings("HEADWATER_SMTP_URL must be like smtp://user:password@mail.example:587, or smtps://….")
        self._tls = parts.scheme == "smtps"
        self._host = parts.hostname
        self._port = parts.port or (_TLS_PORT if self._tls else _SUBMISSION_PORT)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender, self._recipients = sender, tuple(recipients)

    def send(self, subject: str, text: str) -> None:
        """Send one letter. Raises `Retry` when the server does not take it, `FixSettings` when it refuses the login."""
        letter = EmailMessage()
        letter["Subject"], letter["From"], letter["To"] = subject, self._sender, ", ".join(self._recipients)
        letter.set_content(text)
        where = f"The mail server {self._host}:{self._port}"
        try:
            with self._connected() as server:
                server.send_message(letter)
        except smtplib.SMTPAuthenticationError as error:
            raise FixSettings(f"{where} refuses the login. See HEADWATER_SMTP_URL.") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Retry(f"{where} did not take the mail ({error}).") from error

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=_TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            self._enter(server, context)
        except BaseException:
            server.close()
            raise
        return server

    def _enter(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        server.ehlo()
        secure = self._tls
        if not secure and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
            secure = True
        if self._user and not secure:
            raise FixSettings(f"The mail server {self._host} offers no TLS, so the login was not sent.")
        if self._user:
            server.login(self._user, self._password)
