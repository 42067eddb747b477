"""The parts of the stack: what each one runs, needs and listens on, and how it shows that it works."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import httpx

from headwater.local import airflow, collector, kafka, objects, postgres, superset
from headwater.local.credentials import BUCKET, STACK_VARIABLES, Credentials, clickhouse_file
from headwater.local.guard import PART_VARIABLE, STACK_VARIABLE, Job
from headwater.local.layout import Layout, Ports

DATABASE_STEP = "airflow-db"
CONSUMER = "consumer"
WINDOWS = "windows"
VISITORS = "visitors"
# Events per second: 180 an hour, as many as a busy hour of the bundled samples has.
_VISITORS_RATE = 0.05
_FOREIGN = ("AIRFLOW", "PYTHON", "SUPERVISOR", "SUPERSET", "KAFKA", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")


def _nothing() -> None:
    """Most parts need no preparation."""


@dataclass(frozen=True, slots=True)
class Part:
    """One supervised program."""

    name: str
    job: Job
    healthy: Callable[[], bool]
    needs: tuple[str, ...] = ()
    # Ports by the name of their setting.
    ports: Mapping[str, int] = field(default_factory=dict)
    prepare: Callable[[], None] = _nothing
    # What to tell a person when the preparation takes long.
    notice: Callable[[], str] = str
    start_timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Step:
    """A job that runs to its end before what needs it starts; once per `version`, which `stamp` remembers."""

    name: str
    job: Job
    stamp: Path
    version: str
    needs: tuple[str, ...] = ()
    prepare: Callable[[], None] = _nothing

    @property
    def done(self) -> bool:
        """Whether this version of the step has run."""
        return self.stamp.is_file() and self.stamp.read_text(encoding="utf-8") == self.version


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stack is made of, in the order in which it is shown. Needs name parts and steps."""

    parts: tuple[Part, ...]
    steps: tuple[Step, ...] = ()


def platform(
    layout: Layout,
    ports: Ports,
    secrets: Credentials,
    *,
    consumer: bool = False,
    windows: bool = False,
    with_superset: bool = False,
    visitors: bool = False,
) -> Plan:
    """The whole platform; with Superset, the services that run on and imaginary visitors where they are asked for."""
    variables = airflow.environment(layout, ports, secrets)
    step = Step(
        DATABASE_STEP,
        job(layout, DATABASE_STEP, airflow.command("db", "migrate"), variables=variables),
        # Beside the data that it speaks of, so that one is not removed without the other.
        stamp=layout.postgres_data.with_name("airflow-db.version"),
        version=version("apache-airflow-core"),
        needs=("postgres",),
        prepare=lambda: postgres.create_database(layout.runtime, airflow.DATABASE),
    )
    services = (
        *((_consumer(layout, ports),) if consumer else ()),
        *((_windows(layout, ports),) if windows else ()),
    )
    visits = (_visitors(layout),) if visitors else ()
    dashboards = _superset(layout, ports, secrets) if with_superset else Plan(())
    return Plan(
        (
            *_servers(layout, ports, secrets),
            *services,
            *_airflow(layout, ports, variables),
            *dashboards.parts,
            *visits,
        ),
        (step, *dashboards.steps),
    )


def _servers(layout: Layout, ports: Ports, secrets: Credentials) -> tuple[Part, ...]:
    node = kafka.Node(layout.home / "kafka", ports.kafka, ports.kafka_controller)
    return (
        Part(
            "postgres",
            job(layout, "postgres", postgres.command(layout.postgres_data, layout.runtime), stop_signal="INT"),
            healthy=lambda: postgres.answers(layout.runtime),
        ),
        Part(
            "kafka",
            job(layout, "kafka", kafka.command(node)),
            healthy=lambda: kafka.answers(node.bootstrap),
            ports={"kafka": ports.kafka, "kafka_controller": ports.kafka_controller},
            prepare=lambda: _prepare_kafka(node, layout.cache),
            notice=lambda: _fetching(layout.cache),
        ),
        Part(
            "clickhouse",
            job(layout, "clickhouse", _front(layout, ports), grace_s=30),
            healthy=lambda: _selects(ports, secrets),
            ports={"clickhouse": ports.clickhouse},
        ),
        Part(
            "s3",
            job(layout, "s3", objects.command(ports.s3, BUCKET), grace_s=5),
            healthy=lambda: objects.answers(ports.s3, BUCKET),
            ports={"s3": ports.s3},
        ),
        Part(
            collector.PART,
            job(layout, collector.PART, collector.command(ports.collector)),
            healthy=lambda: collector.answers(ports.collector),
            needs=("kafka",),
            ports={collector.PART: ports.collector},
        ),
    )


def base_environment(layout: Layout, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """What programs of the stack inherit of the caller's shell.

    Left out: variables of other Airflows, Pythons and supervisors, and what this stack's own `stack.env` says.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FOREIGN) and name not in STACK_VARIABLES
    }
    return {
        **kept,
        "PYTHONUNBUFFERED": "1",
        "HEADWATER_HOME": str(layout.home),
        STACK_VARIABLE: str(layout.home),
        **(variables or {}),
    }


def _airflow(layout: Layout, ports: Ports, variables: Mapping[str, str]) -> tuple[Part, ...]:
    port = {"airflow": ports.airflow}
    programs: Mapping[str, tuple[str, ...]] = {
        "airflow-api": ("api-server", "--host", "127.0.0.1", "--port", str(ports.airflow), "--workers", "1"),
        "airflow-scheduler": ("scheduler", "--skip-serve-logs"),
        "airflow-processor": ("dag-processor",),
        "airflow-triggerer": ("triggerer", "--skip-serve-logs"),
    }

    def healthy(name: str) -> Callable[[], bool]:
        return lambda: airflow.heartbeats(ports).get(name, False)

    return tuple(
        Part(
            name,
            # A task that runs at the stop gets the time to be told so.
            job(layout, name, airflow.command(*words), variables=variables, grace_s=15),
            healthy=healthy(name),
            needs=(DATABASE_STEP,),
            ports=port if name == "airflow-api" else {},
        )
        for name, words in programs.items()
    )


def _superset(layout: Layout, ports: Ports, secrets: Credentials) -> Plan:
    """The dashboards' server, and what has to be in its database before it starts."""
    variables = superset.variables(layout, ports, secrets)
    step = Step(
        superset.DATABASE_STEP,
        job(
            layout,
            superset.DATABASE_STEP,
            superset.prepare_command(),
            variables={**variables, **superset.preparing(secrets)},
        ),
        stamp=layout.postgres_data.with_name("superset-db.version"),
        version=superset.stamp(secrets),
        needs=("postgres",),
        prepare=lambda: superset.create_database(layout),
    )
    server = Part(
        superset.PART,
        job(layout, superset.PART, superset.serve_command(ports), variables=variables),
        healthy=lambda: superset.answers(ports),
        needs=(superset.DATABASE_STEP,),
        ports={superset.PART: ports.superset},
    )
    push = Step(
        superset.DASHBOARDS_STEP,
        job(layout, superset.DASHBOARDS_STEP, _own("dashboards", "push")),
        stamp=layout.postgres_data.with_name("dashboards.version"),
        version=superset.dashboards_stamp(),
        needs=(superset.PART, "clickhouse"),
    )
    return Plan((server,), (step, push))


def _consumer(layout: Layout, ports: Ports) -> Part:
    """`headwater consume`: it works when it answers; until schema and topics are made it waits for them."""
    words = ("consume", "--wait", "--metrics-port", str(ports.consumer))
    return Part(
        CONSUMER,
        job(layout, CONSUMER, _own(*words)),
        healthy=lambda: _tells_metrics(ports.consumer),
        needs=("kafka", "clickhouse"),
        ports={CONSUMER: ports.consumer},
    )


def _windows(layout: Layout, ports: Ports) -> Part:
    """`headwater windows`, in the same way."""
    words = ("windows", "--wait", "--metrics-port", str(ports.windows))
    return Part(
        WINDOWS,
        job(layout, WINDOWS, _own(*words)),
        healthy=lambda: _tells_metrics(ports.windows),
        needs=("kafka", "clickhouse"),
        ports={WINDOWS: ports.windows},
    )


def _visitors(layout: Layout) -> Part:
    """`headwater simulate`: a few imaginary visits, so that the last day is never empty."""
    return Part(
        VISITORS,
        job(layout, VISITORS, _own("simulate", "--wait", "--rate", str(_VISITORS_RATE)), grace_s=5),
        healthy=lambda: True,
        needs=("kafka",),
    )


def _own(*words: str) -> tuple[str, ...]:
    """The command `headwater` in the environment that runs this one."""
    return (sys.executable, "-m", "headwater.entrypoints.cli", *words)


def job(
    layout: Layout,
    name: str,
    command: tuple[str, ...],
    *,
    stop_signal: str = "TERM",
    grace_s: float = 20.0,
    variables: Mapping[str, str] | None = None,
) -> Job:
    """The job of a part or step, with its record in the run folder."""
    return Job(
        command=command,
        part=name,
        state=str(layout.run / f"{name}.json"),
        folder=str(layout.run),
        environment={PART_VARIABLE: name, **(variables or {})},
        stop_signal=stop_signal,
        grace_s=grace_s,
    )


def _prepare_kafka(node: kafka.Node, cache: Path) -> None:
    from headwater.local.jars import class_path  # noqa: PLC0415 - only a start waits for the import of jgo

    kafka.prepare(node, class_path(cache))


def _fetching(cache: Path) -> str:
    from headwater.local.jars import missing  # noqa: PLC0415 - see above

    jars = missing(cache)
    return f"fetching {jars} jars of Apache Kafka, once" if jars else ""


def _front(layout: Layout, ports: Ports) -> tuple[str, ...]:
    folder = layout.home / "clickhouse"
    return (
        *(sys.executable, "-m", "headwater.local.front"),
        *("--data-dir", str(folder / "data"), "--spool-dir", str(folder / "spool")),
        *("--port", str(ports.clickhouse), "--secrets", str(clickhouse_file(layout))),
    )


def _selects(ports: Ports, secrets: Credentials) -> bool:
    url = secrets.clickhouse_url("owner", ports)
    try:
        answer = httpx.post(url, content=b"SELECT 1 FORMAT TabSeparated", timeout=5)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK and answer.text.strip() == "1"


def _tells_metrics(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=3).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
