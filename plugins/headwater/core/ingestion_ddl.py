"""The migration that makes the chain of ingestion anew, derived from the contract."""

from __future__ import annotations

from headwater.contracts.streams import STREAMS
from headwater.core.parse_sql import create_chain, drop_chain, tune_staging

_HEAD = """\
-- Derived from the contract (headwater.contracts): the chain of views that parses, judges and routes each message once.
-- `python -m headwater.core.ingestion_ddl` prints it. What comes while the views are away is counted as missing and
-- stored again.
"""


def ingestion_ddl() -> str:
    """Statements for all streams, each ending with a semicolon at the end of its line."""
    statements = [
        statement
        for stream in STREAMS.values()
        for statement in (tune_staging(stream), *drop_chain(stream), *create_chain(stream))
    ]
    return _HEAD + "".join(f"\n{statement};\n" for statement in statements)


if __name__ == "__main__":
    print(ingestion_ddl(), end="")
