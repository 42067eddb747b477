"""One member of the consumer group as a process: the product's engine over its real adapters, with failpoints.

`python -m tests.chaos.member …`; ClickHouse's address comes from the environment, for it holds a password. Prints what
was moved as JSON and ends with 0, or with the exit code in `EXITS` after an error of ours.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import json
import logging
import os
import signal
import sys
import threading

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.app.ingest import Ingest
from headwater.contracts.streams import STREAMS
from headwater.errors import FixSettings, HeadwaterError, Retry, Stop
from headwater.ports import FlushLimits
from tests.chaos.failpoints import Failpoint, Failpoints

log_ = logging.getLogger(__name__)

URL = "CHAOS_CLICKHOUSE_URL"
EXITS: dict[type[HeadwaterError], int] = {FixSettings: 2, Stop: 70, Retry: 75}
_END_WITH_PARENT = 1


def main() -> int:
    """Run or drain one stream until told to stop, killed or drained."""
    ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL)
    faulthandler.register(signal.SIGUSR1)
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    points = Failpoints(options.failpoint)
    log = KafkaLog(
        options.bootstrap,
        group=options.group,
        **{
            "session.timeout.ms": options.session_ms,
            "heartbeat.interval.ms": options.session_ms // 4,
            "reconnect.backoff.max.ms": 500,
        },
    )
    ledger = ClickHouseLedger(ClickHouse(os.environ[URL]))
    limits = FlushLimits(rows=options.rows, age_s=options.age_s)
    try:
        ingest = Ingest(STREAMS[options.stream], points.log(log), points.ledger(ledger), SystemClock())
        moved = ingest.run(limits, stopping.is_set) if options.run else ingest.drain(limits, options.drain_s)
    except HeadwaterError as error:
        log_.exception("ended by %s", type(error).__name__)
        return next(code for kind, code in EXITS.items() if isinstance(error, kind))
    counts = {name: getattr(moved, name) for name in ("messages", "claims", "repairs", "lost")}
    sys.stdout.write(json.dumps(counts) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.member")
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--stream", default="browser")
    parser.add_argument("--run", action="store_true", help="run on instead of draining")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--age-s", type=float, default=0.05)
    parser.add_argument("--drain-s", type=float, default=90.0)
    parser.add_argument("--session-ms", type=int, default=1500)
    parser.add_argument("--failpoint", type=Failpoint.parse)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
