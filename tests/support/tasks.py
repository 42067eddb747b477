"""The tasks of the DAGs, run as Airflow does but for its context; Airflow is imported in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.shell import Shell

_RUN = """
import json, sys
from airflow.sdk.exceptions import AirflowFailException
from headwater.entrypoints import tasks
steps = json.loads(sys.argv[1])
tasks._connection = lambda name: None
for number, (name, params, *arguments) in enumerate(steps):
    tasks._params, tasks._run_id = (lambda: params), (lambda: f"run {number}")
    try:
        if name == "load_from_s3":
            found = tasks.list_objects.function()
            loaded = [tasks.load_object.function(each) for each in found]
            tasks.verify_objects.function(found, loaded)
            result = [each["outcome"] for each in loaded]
        else:
            result = getattr(tasks, name).function(*arguments)
    except AirflowFailException as error:
        result = f"failed: {error}"
    print("RESULT", json.dumps(result))
"""


class Tasks:
    """Runs tasks in a process of Airflow."""

    def __init__(self, shell: Shell, home: Path) -> None:
        self._environment = {**shell.environment, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}

    def run(self, *steps: Sequence[Any]) -> list[Any]:
        """Run the tasks one after the other; what each returned."""
        done = subprocess.run(
            [sys.executable, "-c", _RUN, json.dumps(steps)], env=self._environment, capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        lines = done.stdout.splitlines()
        return [json.loads(line.removeprefix("RESULT ")) for line in lines if line.startswith("RESULT ")]
