"""A build as a process of its own that kills or stops itself before a chosen statement: `URL MOMENT STATEMENT SIGNAL`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from headwater.adapters.memory import FixedClock
from headwater.app.build import Build, BuildLimits
from tests.support.dying import Stepping

_ROOT = Path(__file__).resolve().parents[2]
_DEADLINE_S = 120


def start(url: str, moment: datetime, statement: int, signal_: signal.Signals) -> subprocess.Popen[bytes]:
    """Start the process; the address with its password goes by the environment."""
    environment = {**os.environ, "BUILDER_URL": url, "PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'plugins'}"}
    command = [sys.executable, "-m", "tests.support.builder", moment.isoformat(), str(statement), str(int(signal_))]
    return subprocess.Popen(command, env=environment, cwd=_ROOT)


def wait_stopped(process: subprocess.Popen[bytes]) -> bool:
    """Wait until the process has stopped itself; False when it ended before."""
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "T":
            return True
        time.sleep(0.02)
    raise TimeoutError("the builder neither stopped nor ended")


def main() -> None:
    """Build as the arguments say."""
    moment, statement, signal_ = datetime.fromisoformat(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

    def before(number: int, _sql: str) -> None:
        if number == statement:
            os.kill(os.getpid(), signal_)

    Build(Stepping(os.environ["BUILDER_URL"], before), FixedClock(moment), BuildLimits()).run()


if __name__ == "__main__":
    main()
