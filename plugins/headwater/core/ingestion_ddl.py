"""The migration that makes the ingestion tables, derived from the contract."""

from __future__ import annotations

from headwater.contracts.streams import STREAMS
from headwater.core.parse_sql import create_chain, create_common, create_staging

_HEAD = (
    "-- Derived from the contract (headwater.contracts): staging tables, dead letters, heartbeats, "
    "and the chain of views\n"
    "-- that parses, judges and routes each message once. `python -m headwater.core.ingestion_ddl` prints it.\n"
)


def ingestion_ddl() -> str:
    """Statements for all streams, each ending with a semicolon at the end of its line."""
    statements = list(create_common())
    for stream in STREAMS.values():
        statements += [create_staging(stream), *create_chain(stream)]
    return _HEAD + "".join(f"\n{statement};\n" for statement in statements)


if __name__ == "__main__":
    print(ingestion_ddl(), end="")
