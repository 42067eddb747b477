"""supervisord: its generated configuration, its start, and the calls that this project makes to it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from headwater.errors import Stop
from headwater.local.guard import PART_VARIABLE
from headwater.local.layout import Layout, private_file
from headwater.local.parts import Part, base_environment

_GUARD = Path(__file__).with_name("guard.py")
_START_S = 15.0
_STOP_MARGIN_S = 15


@dataclass(frozen=True, slots=True)
class Program:
    """What supervisord knows of one program."""

    name: str
    state: str
    pid: int
    started_at: float
    problem: str

    @property
    def running(self) -> bool:
        """Whether the program has a process, or will soon have one again."""
        return self.state in {"STARTING", "RUNNING", "BACKOFF", "STOPPING"}


def render(layout: Layout, parts: Iterable[Part]) -> str:
    """supervisord's configuration: every program under a guard, none started by itself, all started again.

    Paths are relative to the run folder: supervisord expands some of them twice, so no escape for `%` fits all.
    """
    sections = [
        "[unix_http_server]",
        f"file={_escaped(str(layout.supervisor_socket))}",
        "chmod=0700",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "",
        "[supervisord]",
        f"logfile={_log(layout, 'supervisor')}",
        "logfile_maxbytes=5MB",
        "logfile_backups=1",
        "pidfile=supervisor.pid",
        "childlogdir=.",
        "umask=077",
        *(["user=root"] if os.geteuid() == 0 else []),
    ]
    for part in parts:
        sections += ["", *_program(layout, part)]
    return "\n".join(sections) + "\n"


def job_file(layout: Layout, name: str) -> Path:
    """File that tells the guard of a part what to run."""
    return layout.run / f"{name}.job.json"


def guarded(job: str) -> tuple[str, ...]:
    """The command that runs the job of a file under a guard; isolated, so that the guard stays small."""
    return (sys.executable, "-I", "-S", str(_GUARD), job)


def _program(layout: Layout, part: Part) -> list[str]:
    return [
        f"[program:{part.name}]",
        f"command={_escaped(shlex.join(guarded(job_file(layout, part.name).name)))}",
        f'environment={PART_VARIABLE}="{part.name}"',
        "autostart=false",
        "autorestart=true",
        # Quick deaths are answered with ever longer pauses; a program that stood for a while starts again at once.
        "startsecs=5",
        "startretries=100000",
        "stopsignal=TERM",
        f"stopwaitsecs={int(part.job.grace_s) + _STOP_MARGIN_S}",
        "redirect_stderr=true",
        f"stdout_logfile={_log(layout, part.name)}",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=2",
    ]


def _log(layout: Layout, name: str) -> Path:
    return Path("..") / layout.log(name).relative_to(layout.home)


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


class Supervisor:
    """The running supervisor of one stack, through its socket."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def alive(self) -> bool:
        """Whether a supervisor answers."""
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    def start(self, config: str) -> None:
        """Start supervisord as a daemon, nobody's child; it has started nothing when this returns."""
        path = self._layout.run / "supervisord.conf"
        private_file(path, config)
        self._layout.supervisor_socket.unlink(missing_ok=True)
        log = self._layout.log("supervisor-start")
        with log.open("wb") as output:
            done = subprocess.run(
                (sys.executable, "-m", "supervisor.supervisord", "-c", str(path)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._layout.run,
                env=base_environment(self._layout, {PART_VARIABLE: "supervisor"}),
                umask=0o077,
                check=False,
            )
        deadline = time.monotonic() + _START_S
        while not self.alive():
            if done.returncode or time.monotonic() > deadline:
                said = log.read_text(encoding="utf-8", errors="replace")[-800:]
                raise Stop(f"The supervisor did not start. It said: {said or 'nothing'} (more in {self._layout.logs}).")
            time.sleep(0.05)

    def programs(self) -> Mapping[str, Program]:
        """All programs by name; empty when no supervisor answers."""
        try:
            found = self._call("getAllProcessInfo")
        except (OSError, xmlrpc.client.Error):
            return {}
        return {
            info["name"]: Program(info["name"], info["statename"], info["pid"], info["start"], info["spawnerr"])
            for info in found
        }

    def start_program(self, name: str) -> None:
        """Start a program that does not run."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise Stop(f"{name} could not be started: {fault.faultString}.") from fault

    def stop_programs(self, names: Iterable[str], timeout_s: float) -> None:
        """Ask programs to stop, all at once, and wait until none of them runs."""
        left = set(names)
        for name in sorted(left):
            try:
                self._call("stopProcess", name, False)
            except xmlrpc.client.Fault:
                left.discard(name)  # it does not run
        deadline = time.monotonic() + timeout_s
        while left and time.monotonic() < deadline:
            found = self.programs()
            left = {name for name in left if name in found and found[name].running}
            time.sleep(0.1)

    def shut_down(self) -> None:
        """Ask the supervisor to end."""
        try:
            self._call("shutdown")
        except (OSError, xmlrpc.client.Error):
            return

    def _call(self, method: str, *arguments: object) -> Any:
        # A proxy and its connection belong to one thread, so each call has its own.
        transport = SupervisorTransport(None, None, f"unix://{self._layout.supervisor_socket}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://localhost", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()
