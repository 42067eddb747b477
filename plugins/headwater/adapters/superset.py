"""Superset's REST API, as far as assets are concerned: everything in and out as files of its import format."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any, Self

import httpx

from headwater.errors import FixSettings, Retry, Stop
from headwater.settings import Settings

_ROOT = "assets"
_TIMEOUT_S = 120.0


class Superset:
    """One login to one Superset."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_S, headers={"Referer": url})
        login = {"username": user, "password": password, "provider": "db", "refresh": False}
        token = self._ask("POST", "/api/v1/security/login", json=login).json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"
        self._client.headers["X-CSRFToken"] = self._ask("GET", "/api/v1/security/csrf_token/").json()["result"]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The Superset of the settings, as its administrator. Raises `FixSettings` where there is no password."""
        if settings.superset_password is None:
            raise FixSettings(
                "HEADWATER_SUPERSET_PASSWORD is not set, and the stack of "
                f"{settings.home} has no Superset. Run `make setup-superset` and `headwater up`, or set the password."
            )
        return cls(settings.superset_url, settings.superset_user, settings.superset_password.get_secret_value())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def export_assets(self) -> dict[str, str]:
        """Every asset as path and YAML text."""
        answer = self._ask("GET", "/api/v1/assets/export/")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
            return {name.partition("/")[2]: bundle.read(name).decode() for name in bundle.namelist()}

    def import_assets(self, files: Mapping[str, str]) -> None:
        """Make the assets of these files, or change those that have the same UUIDs; all or none."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in files.items():
                bundle.writestr(f"{_ROOT}/{name}", text)
        sent = {"bundle": (f"{_ROOT}.zip", buffer.getvalue(), "application/zip")}
        self._ask("POST", "/api/v1/assets/import/", files=sent, data={"sparse": "true"})

    def _ask(self, method: str, path: str, **words: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **words)
        except httpx.HTTPError as error:
            raise Retry(f"Superset does not answer at {self._url} ({error}). See `headwater status`.") from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise FixSettings(f"Superset at {self._url} refuses the login. See HEADWATER_SUPERSET_USER and _PASSWORD.")
        if answer.is_server_error:
            raise Retry(f"{method} {path} failed in Superset ({answer.status_code}): {answer.text[:500]}")
        if answer.is_error:
            raise Stop(f"Superset refused {method} {path} ({answer.status_code}): {answer.text[:2000]}")
        return answer
