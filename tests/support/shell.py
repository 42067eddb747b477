"""The command line as a person uses it: real processes, with an environment that names the parts."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.front import Front
from tests.support.kafka import Broker

HEADWATER = str(Path(sys.executable).with_name("headwater"))


@dataclass(frozen=True)
class Shell:
    """A shell whose environment names the parts."""

    environment: dict[str, str]

    @classmethod
    def of(cls, front: Front, broker: Broker, home: Path) -> Shell:
        """A shell for these parts; `home` need not exist."""
        return cls(
            {
                **os.environ,
                "HEADWATER_HOME": str(home),
                "HEADWATER_CLICKHOUSE_URL": front.owner_url,
                "HEADWATER_CLICKHOUSE_WRITER_URL": front.writer_url,
                "HEADWATER_CLICKHOUSE_READER_URL": front.reader_url,
                "HEADWATER_KAFKA_BOOTSTRAP": broker.bootstrap,
                "COLUMNS": "200",
            }
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command to its end; returns what it printed."""
        done = subprocess.run(
            [HEADWATER, *arguments], capture_output=True, text=True, env=self.environment, check=False, timeout=120
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def start(self, *arguments: str, log: Path | None = None) -> subprocess.Popen[str]:
        """Start a command that runs on; what it prints goes to a pipe, or to `log`."""
        output = log.open("w") if log is not None else subprocess.PIPE
        try:
            return subprocess.Popen(
                [HEADWATER, *arguments], stdout=output, stderr=subprocess.STDOUT, text=True, env=self.environment
            )
        finally:
            if not isinstance(output, int):
                output.close()
