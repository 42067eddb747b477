"""Superset's settings in every installation; what differs comes from the environment.

A variable `NAME` may also be given as `NAME_FILE`, the path of a file that holds the value. Secrets stand in neither
this file nor Superset's own database: the ClickHouse connection of the assets names no password, and gets address and
login when it connects.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy.engine.url import URL, make_url


def _value(name: str, default: str | None = None) -> str:
    """The variable, else the content of the file that `NAME_FILE` names, else the default."""
    if found := os.environ.get(name):
        return found
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    if default is None:
        raise RuntimeError(f"Set {name} or {name}_FILE.")
    return default


SECRET_KEY = _value("HEADWATER_SUPERSET_SECRET_KEY")
SQLALCHEMY_DATABASE_URI = _value("HEADWATER_SUPERSET_DATABASE_URL")
GUEST_TOKEN_JWT_SECRET = SECRET_KEY

# What a chart asked is kept for a minute on disk; state of filters and of the explorer stays in the database.
_CACHE = {"CACHE_TYPE": "FileSystemCache", "CACHE_THRESHOLD": 2_000, "CACHE_DEFAULT_TIMEOUT": 60}
_FOLDER = _value("HEADWATER_SUPERSET_CACHE", "/tmp/superset-cache")  # noqa: S108 - the default is that of a container
CACHE_CONFIG = {**_CACHE, "CACHE_DIR": f"{_FOLDER}/metadata", "CACHE_KEY_PREFIX": "metadata_"}
DATA_CACHE_CONFIG = {**_CACHE, "CACHE_DIR": f"{_FOLDER}/data", "CACHE_KEY_PREFIX": "data_"}

APP_NAME = "Headwater"
# "Last day" ends now, not at midnight.
DEFAULT_RELATIVE_START_TIME = "now"
DEFAULT_RELATIVE_END_TIME = "now"
ROW_LIMIT = 10_000
SQL_MAX_ROW = 100_000
SQLLAB_TIMEOUT = 110
SUPERSET_WEBSERVER_TIMEOUT = 120
FEATURE_FLAGS = {"DASHBOARD_VIRTUALIZATION": False, "ALERT_REPORTS": False}

# Nothing is loaded from, or sent to, other hosts.
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}

# The charts' colours beyond those that a dashboard fixes for a value.
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "headwater",
        "description": "",
        "label": "Headwater",
        "isDefault": True,
        "colors": [
            "#2F6DB5", "#E58A2B", "#3A9D6E", "#C84B56", "#7F62B3", "#2BA6A6", "#D06AA8", "#8A9A2C", "#8C6A4F",
            "#5B7083", "#E3B51F", "#74A9D8", "#A33B6B", "#5F8F3F",
        ],
    }
]  # fmt: skip

ASSETS_HOST = "clickhouse"


def DB_CONNECTION_MUTATOR(  # noqa: N802 - Superset looks for this name
    uri: URL, params: dict[str, Any], _username: str | None, _security_manager: object, _source: object
) -> tuple[URL, dict[str, Any]]:
    """Give connections to the host `clickhouse` the address and the reader's login of this installation."""
    if uri.host == ASSETS_HOST and not uri.password:
        reader = make_url(_value("HEADWATER_CLICKHOUSE_READER_URL"))
        uri = uri.set(host=reader.host, port=reader.port, username=reader.username, password=reader.password)
    return uri, params
