"""Airflow through its REST API (v2): trigger DAGs, watch their runs, read their logs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from headwater.errors import FixSettings, HeadwaterError, Retry, Stop
from headwater.settings import Settings

_RETRY_BUDGET_S = 30
_TIMEOUT_S = 15.0
_OWN_GROUPS = ("::group::Log message source", "::group::Pre Execute", "::group::Post Execute")
_OWN_LINES = ("Done. Returned value was:", "::group::")
FINISHED = frozenset({"success", "failed"})
TASK_FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


@dataclass(frozen=True, slots=True)
class DagRun:
    """One run of a DAG."""

    dag_id: str
    run_id: str
    state: str

    @property
    def finished(self) -> bool:
        """Whether its outcome is known."""
        return self.state in FINISHED


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """One task of a run; `map_index` is -1 unless the task is mapped."""

    task_id: str
    map_index: int
    state: str
    try_number: int
    started_at: datetime | None
    duration_s: float | None

    @property
    def label(self) -> str:
        """Name as people write it."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


@dataclass(frozen=True, slots=True)
class RunView:
    """A run and its tasks at one moment, tasks in the order of their start."""

    run: DagRun
    tasks: tuple[TaskInstance, ...]


class Airflow:
    """One Airflow, by address and login."""

    def __init__(self, url: str, user: str, password: str, transport: httpx.BaseTransport | None = None) -> None:
        self._user = user
        self._password = password
        self._http = httpx.Client(base_url=url.rstrip("/"), timeout=_TIMEOUT_S, transport=transport)
        self._token: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The Airflow of the settings."""
        if settings.airflow_password is None:
            raise FixSettings(
                "Airflow's password is not known. Start the stack (`headwater up`), or set HEADWATER_AIRFLOW_PASSWORD."
            )
        return cls(settings.airflow_url, settings.airflow_user, settings.airflow_password.get_secret_value())

    def dags(self) -> Mapping[str, bool]:
        """Known DAGs by id, with whether their schedule is paused."""
        found = self._call("GET", "/api/v2/dags", params={"limit": 1000})["dags"]
        return {dag["dag_id"]: dag["is_paused"] for dag in found}

    def unpause(self, dag_id: str, *, paused: bool = False) -> None:
        """Turn the schedule of a DAG on (or off); triggered runs wait while it is off."""
        self._call("PATCH", f"/api/v2/dags/{quote(dag_id)}", json={"is_paused": paused})

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Start a run and return its id, which is chosen here so that a repeated request starts nothing twice."""
        run_id = f"headwater__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}_{uuid4().hex[:8]}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf or {})}
        self._call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", json=body, accept={409})
        return run_id

    def dag_run(self, dag_id: str, run_id: str) -> DagRun:
        """The run as it is now."""
        found = self._call("GET", f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}")
        return DagRun(dag_id, run_id, found["state"])

    def task_instances(self, dag_id: str, run_id: str) -> tuple[TaskInstance, ...]:
        """Its tasks as they are now, started ones first."""
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances"
        found = [_task(row) for row in self._call("GET", path, params={"limit": 1000})["task_instances"]]
        late = datetime.max.replace(tzinfo=UTC)
        return tuple(sorted(found, key=lambda task: task.started_at or late))

    def task_log(self, dag_id: str, run_id: str, task: TaskInstance) -> Sequence[str]:
        """Lines of the log of the task's last try, without Airflow's notes on where it was read."""
        path = (
            f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances/{quote(task.task_id)}"
            f"/logs/{max(1, task.try_number)}"
        )
        # With full_content=true the whole log comes in one answer.
        params = {"full_content": "true", "map_index": str(task.map_index)}
        content = self._call("GET", path, params=params, accept={404}).get("content") or []
        return list(_said(content))

    def wait_parsed(self, dag_ids: Iterable[str], timeout_s: float = 90.0, poll_s: float = 0.5) -> None:
        """Wait until Airflow knows all of `dag_ids`. Raises `Stop` with the import errors when it does not in time."""
        wanted = set(dag_ids)
        deadline = time.monotonic() + timeout_s
        while missing := wanted - set(self.dags()):
            if time.monotonic() > deadline:
                errors = self._call("GET", "/api/v2/importErrors")["import_errors"]
                said = "\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in errors[:3])
                advice = "It reports no import error: look at the DAG folder and `headwater logs airflow-processor`."
                raise Stop(
                    f"Airflow did not find {', '.join(sorted(missing))} within {timeout_s:.0f} s. {said or advice}"
                )
            time.sleep(poll_s)

    def follow(self, dag_id: str, run_id: str, poll_s: float = 0.5) -> Iterator[RunView]:
        """The run again and again until it is finished; the last view is the outcome."""
        while True:
            run = self.dag_run(dag_id, run_id)
            yield RunView(run, self.task_instances(dag_id, run_id))
            if run.finished:
                return
            time.sleep(poll_s)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @retry(
        retry=retry_if_exception_type(Retry),
        stop=stop_after_delay(_RETRY_BUDGET_S),
        wait=wait_exponential_jitter(multiplier=0.2, max=3),
        reraise=True,
    )
    def _call(self, method: str, path: str, accept: frozenset[int] | set[int] = frozenset(), **options: Any) -> Any:
        answer = self._send(method, path, **options)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._token = None  # it has run out, or Airflow has new keys
            answer = self._send(method, path, **options)
        if answer.is_success or answer.status_code in accept:
            return answer.json() if answer.content else {}
        raise self._explained(answer, method, path)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            if self._token is None:
                self._token = self._log_in()
            headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
            return self._http.request(method, path, headers=headers, **options)
        except httpx.TransportError as error:
            raise Retry(
                f"Airflow at {self._http.base_url} does not answer ({error or type(error).__name__}). "
                "Start the stack with `headwater up`; `headwater status` shows what runs."
            ) from error

    def _log_in(self) -> str:
        answer = self._http.post("/auth/token", json={"username": self._user, "password": self._password})
        if answer.is_success:
            return str(answer.json()["access_token"])
        if answer.is_server_error:
            raise self._explained(answer, "POST", "/auth/token")
        raise FixSettings(
            f"Airflow at {self._http.base_url} does not accept the login of {self._user} ({answer.status_code}). "
            "Look at HEADWATER_AIRFLOW_USER and HEADWATER_AIRFLOW_PASSWORD."
        )

    def _explained(self, answer: httpx.Response, method: str, path: str) -> HeadwaterError:
        what = f"Airflow answered {answer.status_code} to {method} {path}: {_detail(answer)}"
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return Retry(f"{what}. See `headwater logs airflow-api`.", status=answer.status_code)
        return FixSettings(what, status=answer.status_code)


def _detail(answer: httpx.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        return answer.text[:300]
    return str(found.get("detail", found))[:300] if isinstance(found, dict) else str(found)[:300]


def _task(row: Mapping[str, Any]) -> TaskInstance:
    started = row.get("start_date")
    return TaskInstance(
        task_id=row["task_id"],
        map_index=row.get("map_index", -1),
        state=row.get("state") or "waiting",
        try_number=row.get("try_number") or 0,
        started_at=datetime.fromisoformat(started) if started else None,
        duration_s=row.get("duration"),
    )


def _said(content: Iterable[object]) -> Iterator[str]:
    """What the task itself said: log entries without the groups in which Airflow tells of its own work."""
    inside = False
    for entry in content:
        if isinstance(entry, str):
            yield from entry.splitlines()
            continue
        found: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
        text = str(found.get("event", ""))
        if text.startswith(_OWN_GROUPS):
            inside = True
        elif text.startswith("::endgroup::"):
            inside = False
        elif not inside and not text.startswith(_OWN_LINES):
            yield from text.splitlines()
            yield from _errors(found)


def _errors(entry: Mapping[str, Any]) -> Iterator[str]:
    for error in entry.get("error_detail") or ():
        frames = error.get("frames") or ()
        for frame in frames[-2:]:
            yield f"  {frame.get('filename')}:{frame.get('lineno')} in {frame.get('name')}"
        yield f"{error.get('exc_type')}: {error.get('exc_value')}"
