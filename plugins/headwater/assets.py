"""Where the project's files that are not Python live: SQL, migrations and the topic file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from headwater.errors import FixSettings

_PACKAGE = Path(__file__).resolve().parent


@cache
def project_root() -> Path:
    """The folder that holds `clickhouse/` and `kafka/`: the checkout, or the copy inside an installed wheel."""
    for root in (_PACKAGE.parent.parent, _PACKAGE / "_assets"):
        if (root / "clickhouse" / "sql").is_dir():
            return root
    raise FixSettings("The SQL files of Headwater are missing beside the package. Install it from a checkout again.")


def asset(relative: str) -> Path:
    """Path of a project file such as `clickhouse/sql/build/slice.sql`; raises `FixSettings` when it is missing."""
    path = project_root() / relative
    if not path.exists():
        raise FixSettings(f"{relative} is missing from this installation. Install Headwater again.", path=path)
    return path
