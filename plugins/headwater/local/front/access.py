"""Who may come in: three users with one password each, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headwater.errors import FixSettings
from headwater.local.front.problems import Problem
from headwater.local.front.request import Credentials

USERS = ("owner", "writer", "reader")


@dataclass(frozen=True)
class Users:
    """Digests of the passwords."""

    digests: Mapping[str, bytes] = field(repr=False)

    def check(self, login: Credentials) -> str:
        """The user's name; raises a `Problem` of code 516 without saying which half was wrong."""
        expected = self.digests.get(login.user, b"\0" * 32)
        if not hmac.compare_digest(_digest(login.password), expected):
            raise Problem(516, "Authentication failed: password is incorrect, or there is no user with such name", 403)
        return login.user


def load_users(path: Path) -> Users:
    """Read the secrets file; it must be private and hold one password for each user."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise FixSettings(f"{path} can be read by others. Run `chmod 600 {path}`.")
        secrets = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise FixSettings(f"The secrets file {path} cannot be read: {error}.") from None
    if not isinstance(secrets, dict) or not all(isinstance(secrets.get(u), str) and secrets[u] for u in USERS):
        raise FixSettings(f"{path} must hold a password for each of {', '.join(USERS)}.")
    return Users({user: _digest(secrets[user]) for user in USERS})


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()
