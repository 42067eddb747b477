"""The client of Airflow's API, and `headwater run` on top of it, against a small stand-in for the server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import typer
from pydantic import SecretStr
from typer.testing import CliRunner

from headwater.adapters.airflow import Airflow
from headwater.entrypoints.commands import run
from headwater.errors import FixSettings, Retry, Stop
from headwater.settings import Settings


class Server:
    """Knows one DAG `daily` of two tasks; a run is finished on the third look at it."""

    def __init__(self) -> None:
        self.logins = 0
        self.runs: dict[str, dict[str, Any]] = {}
        self.paused = True
        self.outcome = "success"
        self.looks = 0
        self.refuse: list[int] = []
        self.expired = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as Airflow does."""
        path = request.url.path
        if path == "/auth/token":
            self.logins += 1
            right = json.loads(request.content) == {"username": "admin", "password": "right"}
            return httpx.Response(201, json={"access_token": f"t{self.logins}"}) if right else httpx.Response(401)
        if self.expired or request.headers["Authorization"] != f"Bearer t{self.logins}":
            self.expired = False
            return httpx.Response(401, json={"detail": "token expired"})
        if path.endswith("/dagRuns"):
            return self._trigger(request)
        if self.refuse:
            return httpx.Response(self.refuse.pop(), json={"detail": "busy"})
        if request.method == "PATCH":
            self.paused = json.loads(request.content)["is_paused"]
            return httpx.Response(200, json={})
        if path == "/api/v2/dags":
            return httpx.Response(200, json={"dags": [{"dag_id": "daily", "is_paused": self.paused}]})
        if path == "/api/v2/importErrors":
            return httpx.Response(200, json={"import_errors": [{"filename": "x.py", "stack_trace": "NameError: y"}]})
        if path.endswith("/taskInstances"):
            return httpx.Response(200, json={"task_instances": self._tasks()})
        if "/logs/" in path:
            return httpx.Response(200, json={"content": _log(path.split("/")[-3], self.outcome)})
        self.looks += 1
        return httpx.Response(200, json={"state": self.outcome if self.looks > 2 else "running"})

    def _trigger(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        known = body["dag_run_id"] in self.runs
        self.runs[body["dag_run_id"]] = body
        if self.refuse:
            return httpx.Response(self.refuse.pop(), json={"detail": "busy"})
        return httpx.Response(409 if known else 200, json={"dag_run_id": body["dag_run_id"]})

    def _tasks(self) -> list[dict[str, Any]]:
        last = self.outcome if self.looks > 2 else "running"
        rows = [("store[x]", 1, None, last), ("claim", -1, "2026-01-01T00:00:00Z", "success")]
        return [
            {"task_id": name, "map_index": index, "start_date": at, "state": state, "try_number": 1, "duration": 1.5}
            for name, index, at, state in rows
        ]


def _log(task: str, outcome: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = [
        {"event": "::group::Log message source details"},
        {"event": "/some/file.log"},
        {"event": "::endgroup::"},
        {"timestamp": "t", "event": "::group::Pre Execute"},
        {"timestamp": "t", "event": "Airflow's own words"},
        {"timestamp": "t", "event": "::endgroup::"},
        {"timestamp": "t", "event": f"stored by {task}\nrows 7"},
    ]
    if outcome == "failed":
        error = {"exc_type": "Retry", "exc_value": "the broker is away", "frames": [{"filename": "a.py", "lineno": 3}]}
        entries.append({"timestamp": "t", "event": "Task failed with exception", "error_detail": [error]})
    return entries


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """The stand-in; pauses between tries are left out."""
    monkeypatch.setattr("time.sleep", lambda _s: None)
    return Server()


@pytest.fixture
def airflow(server: Server) -> Iterator[Airflow]:
    """A client of it."""
    with Airflow("http://127.0.0.1:1", "admin", "right", httpx.MockTransport(server.answer)) as found:
        yield found


def test_it_logs_in_once_and_again_when_the_token_has_run_out(airflow: Airflow, server: Server) -> None:
    assert airflow.dags() == {"daily": True}
    airflow.dags()
    assert server.logins == 1
    server.expired = True
    assert airflow.dags() == {"daily": True}
    assert server.logins == 2


def test_a_repeated_trigger_starts_one_run(airflow: Airflow, server: Server) -> None:
    server.refuse = [503, 502]
    run_id = airflow.trigger("daily", {"hours": 3})
    assert list(server.runs) == [run_id]
    assert server.runs[run_id]["conf"] == {"hours": 3}


def test_a_busy_server_is_tried_again_until_the_budget_is_spent(airflow: Airflow, server: Server) -> None:
    server.refuse = [500, 429, 503]
    assert airflow.dags()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tenacity.stop.stop_after_delay.__call__", lambda *_: True)
        server.refuse = [503]
        with pytest.raises(Retry, match=r"503.*busy"):
            airflow.dags()


def test_a_wrong_password_says_which_setting(server: Server) -> None:
    with (
        Airflow("http://127.0.0.1:1", "admin", "wrong", httpx.MockTransport(server.answer)) as found,
        pytest.raises(FixSettings, match="HEADWATER_AIRFLOW_PASSWORD"),
    ):
        found.dags()


def test_an_airflow_that_is_away_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr("tenacity.stop.stop_after_delay.__call__", lambda *_: True)
    with (
        Airflow("http://127.0.0.1:1", "admin", "right", httpx.MockTransport(refuse)) as found,
        pytest.raises(Retry, match="headwater up"),
    ):
        found.dags()


def test_a_log_holds_what_the_task_said_and_its_error(airflow: Airflow, server: Server) -> None:
    (task, _) = airflow.task_instances("daily", "r")
    assert task.label == "claim"
    assert airflow.task_log("daily", "r", task) == ["stored by claim", "rows 7"]
    server.outcome = "failed"
    assert airflow.task_log("daily", "r", task)[-1] == "Retry: the broker is away"


def test_a_dag_that_does_not_come_shows_import_errors(airflow: Airflow) -> None:
    airflow.wait_parsed(["daily"], timeout_s=0)
    with pytest.raises(Stop, match=r"did not find nightly(.|\n)*NameError: y"):
        airflow.wait_parsed(["daily", "nightly"], timeout_s=0)


@pytest.fixture
def command(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs `headwater run …` against the stand-in."""

    def connect(_settings: Settings) -> Airflow:
        return Airflow("http://127.0.0.1:1", "admin", "right", httpx.MockTransport(server.answer))

    monkeypatch.setattr(Airflow, "of", connect)
    monkeypatch.setattr(run, "load_settings", lambda: Settings(airflow_password=SecretStr("right")))
    app = typer.Typer()
    run.register(app)
    return lambda *words: CliRunner().invoke(app, list(words))


def test_run_shows_tasks_and_ends_with_the_logs(command: Callable[..., Any], server: Server) -> None:
    result = command("daily", "--conf", '{"hours": 3}')
    assert result.exit_code == 0, result.output
    assert not server.paused, "A triggered run of a paused DAG would wait for ever."
    assert "store[x][1]" in result.stderr
    assert "daily: success after" in result.stderr
    assert "stored by claim" in result.stdout
    assert "stored by" not in result.stderr


def test_run_ends_with_the_failing_task_and_its_error(command: Callable[..., Any], server: Server) -> None:
    server.outcome = "failed"
    result = command("daily")
    assert result.exit_code == 1
    assert "Retry: the broker is away" in result.stdout
    assert "daily failed in store[x][1]" in result.stderr


@pytest.mark.parametrize("conf", ["{", "[]", "3"])
def test_run_refuses_parameters_that_are_no_object(command: Callable[..., Any], conf: str) -> None:
    assert isinstance(command("daily", "--conf", conf).exception, FixSettings)


def test_run_of_an_unknown_dag_names_the_known_ones(command: Callable[..., Any]) -> None:
    error = command("nightly").exception
    assert isinstance(error, FixSettings)
    assert "It knows: daily" in str(error)


def test_ctrl_c_leaves_the_run_going_and_says_so(
    command: Callable[..., Any], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_s: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    result = command("daily")
    assert result.exit_code == 130
    (run_id,) = server.runs
    assert run_id in result.stderr
    assert "goes on in Airflow" in result.stderr
