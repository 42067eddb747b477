"""`headwater up | down | status | logs | env | clean`: the local stack from the command line."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from headwater.errors import FixSettings
from headwater.local.stack import Stack
from headwater.local.start import Progress
from headwater.local.status import StackStatus

_PANEL = "Local stack"
_MARKS = {
    "preparing": "[dim]·[/] preparing",
    "starting": "[yellow]…[/] starting",
    "healthy": "[green]✓[/] works",
    "failed": "[red]✗[/] failed",
    "stopped": "[dim]■[/] stopped",
}
_MIB = 1024 * 1024
# More than almost every line has.
_LINE_BYTES = 4096


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, status, logs, env, clean):
        app.command(rich_help_panel=_PANEL)(command)


def up(
    consumer: Annotated[
        bool | None,
        typer.Option(
            "--with-consumer/--without-consumer",
            help="Also run `headwater consume`, so that events are stored within seconds. The stack remembers it.",
            show_default="HEADWATER_CONSUMER, else without",
        ),
    ] = None,
    windows: Annotated[
        bool | None,
        typer.Option(
            "--with-windows/--without-windows",
            help="Also run `headwater windows`, which counts clicks on products. The stack remembers it.",
            show_default="HEADWATER_WINDOWS, else without",
        ),
    ] = None,
    visitors: Annotated[
        bool | None,
        typer.Option(
            "--with-visitors/--without-visitors",
            help="Also play a few imaginary visits, so that the last day is never empty. The stack remembers it.",
            show_default="HEADWATER_VISITORS, else without",
        ),
    ] = None,
) -> None:
    """Start the whole platform and wait until every part works.

    Parts that run already are left alone, so the command may be repeated at any time. All state is under
    HEADWATER_HOME (default .headwater); everything listens on 127.0.0.1 only. HEADWATER_PORT_OFFSET moves all ports,
    HEADWATER_AIRFLOW_PORT and its like move one.
    """
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    with _Progress(errors) as progress:
        started = Stack.of(consumer=consumer, windows=windows, visitors=visitors).up(progress.report)
    errors.print(f"The stack works ({started.elapsed_s:.1f} s). Airflow: {started.addresses['HEADWATER_AIRFLOW_URL']}")
    if dashboards := started.addresses.get("HEADWATER_SUPERSET_URL"):
        errors.print(f"Dashboards: {dashboards}/dashboard/list/")
    errors.print("`headwater env` prints addresses and logins, `headwater status` how each part is.")


def down() -> None:
    """Stop everything that `headwater up` started; the data stays.

    Also ends what a killed supervisor left behind.
    """
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    began = time.monotonic()
    with _Progress(errors) as progress:
        count = Stack.of().down(progress.report)
    said = f"Stopped in {time.monotonic() - began:.1f} s; the data stays." if count else "Nothing ran."
    errors.print(said)


def status(
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show each part: state, process, uptime, restarts, ports, memory, health.

    The exit code is 0 only when every part works. Memory counts a part's whole process tree: RSS counts shared pages
    in full, PSS by their share, so that the sum of PSS is what the stack really takes.
    """
    stack = Stack.of()
    found = stack.status()
    if json:
        typer.echo(found.as_json())
    elif not found.parts:
        typer.echo(f"There is no stack in {stack.layout.home}. Start it with `headwater up`.")
    else:
        Console(highlight=False).print(_table(found))
    if not found.healthy:
        raise typer.Exit(1)


def logs(
    part: Annotated[
        str | None, typer.Argument(help="A part as `headwater status` names it; all when left out.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines.")] = 50,
) -> None:
    """Show the last lines of the logs of one part, or of all."""
    files = Stack.of().log_files(part)
    if not files:
        raise FixSettings("There are no logs yet. Start the stack with `headwater up`.")
    names = len(files) > 1
    ends = {path: _show(path, lines, names) for path in files}
    try:
        while follow:
            time.sleep(0.3)
            ends = {path: _show_new(path, end, names) for path, end in ends.items()}
    except KeyboardInterrupt:
        return


def env() -> None:
    """Print addresses and credentials of the stack as KEY=value lines.

    For a shell: `set -a; eval "$(headwater env)"; set +a`. The lines hold passwords.
    """
    for name, value in Stack.of().addresses().items():
        typer.echo(f"{name}={value}")


def clean(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the platform and remove its data, after asking.

    Shows first what would be removed. Downloaded jars stay.
    """
    stack = Stack.of()
    sizes = stack.state_size_bytes()
    if not sizes:
        typer.echo(f"There is nothing to remove in {stack.layout.home}.")
        return
    typer.echo(f"In {stack.layout.home}:")
    for name, size in sizes.items():
        typer.echo(f"  {name:<12} {size / _MIB:10.1f} MiB")
    if not yes and not typer.confirm("Stop the stack and remove all of this for good?"):
        raise typer.Exit(1)
    typer.echo(f"Removed {stack.clean() / _MIB:.1f} MiB.")


class _Progress:
    """One line per part with its seconds: redrawn on a terminal, appended elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps: dict[str, tuple[Progress, float]] = {}
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)

    def __enter__(self) -> _Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def report(self, step: Progress) -> None:
        """Take a step in."""
        self._steps[step.part] = (step, time.monotonic())
        if not self._console.is_terminal and (step.state != "preparing" or step.note):
            note = f"  {step.note}" if step.note else ""
            self._console.print(f"{step.elapsed_s:6.1f} s  {step.part:<18} {_MARKS[step.state]}{note}")

    def _render(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for step, at in list(self._steps.values()):
            going_on = step.state in {"preparing", "starting"}
            elapsed = step.elapsed_s + (time.monotonic() - at if going_on else 0)
            table.add_row(f"{elapsed:6.1f} s", step.part, _MARKS[step.state], step.note)
        return table


def _table(found: StackStatus) -> Table:
    # Narrow enough for 80 columns; `--json` has every port.
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("part", "state", "health"):
        table.add_column(name, no_wrap=True)
    for name in ("pid", "up", "restarts", "port", "RSS MiB", "PSS MiB"):
        table.add_column(name, justify="right", no_wrap=True)
    for part in found.parts:
        table.add_row(
            part.name,
            part.state,
            "[green]works[/]" if part.healthy else "[red]fails[/]",
            str(part.pid or "-"),
            _age(part.uptime_s),
            str(part.restarts),
            str(next(iter(part.ports.values()), "-")),
            f"{part.memory.rss_bytes / _MIB:.0f}",
            f"{part.memory.pss_bytes / _MIB:.0f}",
        )
    total = (f"{found.memory.rss_bytes / _MIB:.0f}", f"{found.memory.pss_bytes / _MIB:.0f}")
    table.add_section()
    table.add_row("all", "", "", str(found.supervisor_pid or "-"), "", "", "", *total)
    return table


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _show(path: Path, lines: int, names: bool) -> int:
    """Print the last lines; returns where the file ended."""
    with path.open("rb") as handle:
        end = handle.seek(0, os.SEEK_END)
        handle.seek(max(0, end - _LINE_BYTES * lines - _LINE_BYTES))
        kept = handle.read(end - handle.tell()).decode("utf-8", errors="replace").splitlines()
    _print_lines(path, kept[-lines:] if lines else [], names)
    return end


def _show_new(path: Path, end: int, names: bool) -> int:
    """Print whole lines that were added since `end`; a shorter file was rotated and is read from its start."""
    with path.open("rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        handle.seek(end if size >= end else 0)
        start = handle.tell()
        added = handle.read()
    whole = added[: added.rfind(b"\n") + 1]
    _print_lines(path, whole.decode("utf-8", errors="replace").splitlines(), names)
    return start + len(whole)


def _print_lines(path: Path, lines: list[str], names: bool) -> None:
    for line in lines:
        typer.echo(f"{path.stem:<18} {line}" if names else line)
