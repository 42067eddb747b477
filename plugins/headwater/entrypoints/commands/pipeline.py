"""The pipeline's steps by hand: what a person runs here is what Airflow runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from headwater.app.build import BuildLimits
from headwater.app.check import demand
from headwater.app.keep_building import Rhythm
from headwater.app.schema import snapshot
from headwater.bootstrap import Platform
from headwater.core.checks import CheckKind
from headwater.entrypoints.commands.build_on import build_on, seconds_of
from headwater.entrypoints.commands.output import AsJson, console, progress, show_json, show_table
from headwater.errors import Stop


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (migrate, schema, topics, build, check, verify):
        app.command(rich_help_panel="Pipeline")(command)


def migrate() -> None:
    """Bring ClickHouse's schema up to date with `clickhouse/migrations`. Repeating it changes nothing."""
    applied = Platform().migrate()
    for migration in applied:
        console.print(f"applied {migration.number:04d}_{migration.name}")
    if not applied:
        console.print("The schema is up to date.")


def schema() -> None:
    """Print every table and view as it stands in ClickHouse: `headwater schema > clickhouse/schema.sql`."""
    typer.echo(snapshot(Platform().database), nl=False)


def topics() -> None:
    """Create the topics of `kafka/topics.yaml` and bring their settings up to date."""
    changes = Platform().create_topics()
    show_table("", ["topic", "outcome", "changes"], [(c.topic, c.action, c.detail) for c in changes])


def build(
    grace_minutes: Annotated[
        float, typer.Option(min=0, help="How long an event waits for its parts before it is built without them.")
    ] = 15,
    every: Annotated[
        str | None, typer.Option(help="Build again and again at this interval, such as 30s or 2m, until SIGTERM.")
    ] = None,
    dimensions_every: Annotated[
        str, typer.Option(help="With --every: how often dim_users and dim_geo are written anew.")
    ] = "5m",
) -> None:
    """Build facts and aggregates from what is staged. Repeating it, or running two at once, changes nothing.

    With `--every` it runs on beside everything else; logs go to stderr, as one JSON object per line when that is no
    terminal.
    """
    platform = Platform()
    if every is not None:
        rhythm = Rhythm(seconds_of(every), seconds_of(dimensions_every))
        build_on(platform, BuildLimits(grace_s=int(grace_minutes * 60)), rhythm)
        return
    with progress.status("Building …") as status:
        built = platform.build(
            BuildLimits(grace_s=int(grace_minutes * 60)),
            tell=lambda done: status.update(f"plan {done.plan}: {done.facts:,} facts"),
        )
        for name in ("dim_users", "dim_geo"):
            platform.update_dimension(name)
    show_table(
        "",
        ["plan", "kind", "taken", "waited", "facts", "incomplete", "repeats", "conflicts", "waiting", "corrected"],
        [
            (
                d.plan, d.kind.value, d.taken, d.was_waiting, d.facts, d.incomplete, d.repeats, d.conflicts, d.waiting,
                d.corrected,
            )
            for d in built.plans
        ],
    )  # fmt: skip


def check(
    kind: Annotated[list[CheckKind] | None, typer.Option("--kind", "-k", help="Only this kind; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the quality checks; exit code 1 when one of severity `fail` finds something."""
    platform = Platform()
    results = platform.check(kind or list(CheckKind), f"manual__{platform.clock.now():%Y-%m-%dT%H:%M:%S.%f}")
    if as_json:
        show_json(
            [
                {"check": r.check.name, "kind": r.check.kind, "passed": r.passed, "offending": r.offending}
                for r in results
            ]
        )
    else:
        verdicts = ["ok" if r.passed else r.check.severity.value.upper() for r in results]
        show_table(
            "", ["verdict", "kind", "check", "offending"],
            [(v, r.check.kind.value, r.check.name, r.offending) for v, r in zip(verdicts, results, strict=True)],
        )  # fmt: skip
    demand(results)


def verify(as_json: AsJson = False) -> None:
    """Prove the invariants on the running platform, one line each; exit code 1 when one does not hold.

    What each one means, and its query: docs/why-the-numbers-are-right.md.
    """
    platform = Platform()
    run_id = f"verify__{platform.clock.now():%Y-%m-%dT%H:%M:%S.%f}"
    found = platform.verify(run_id)
    if as_json:
        show_json([asdict(invariant) for invariant in found])
    else:
        for invariant in found:
            console.print(
                f"{'ok   ' if invariant.holds else invariant.severity.upper():5} {invariant.says}", markup=False
            )
    broken = [invariant.name for invariant in found if invariant.is_broken]
    if broken:
        raise Stop(f"{len(broken)} invariants do not hold: {', '.join(broken)}. Keep the tables and look at these.")
