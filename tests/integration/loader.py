"""A load as a process that kills itself after a number of lines; the tests look at what is left of it.

`python -m tests.integration.loader PATH LINES BOOTSTRAP`; ClickHouse's address comes from the environment.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.app import load
from headwater.app.load import Loader, Progress
from headwater.contracts.streams import STREAMS

URL = "LOAD_CLICKHOUSE_URL"
NOTE_LINES = 2_000


def main(path: str, lines: str, bootstrap: str) -> int:
    """Load until `lines` lines were handed to the producer."""
    load.NOTE_LINES, load._TELL_LINES = NOTE_LINES, 1

    def die(progress: Progress) -> None:
        if progress.lines >= int(lines):
            os.kill(os.getpid(), signal.SIGKILL)

    database = ClickHouse(os.environ[URL])
    loader = Loader(KafkaLog(bootstrap), ClickHouseLedger(database), database, SystemClock())
    loader.load(STREAMS["browser"], Path(path), tell=die)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
