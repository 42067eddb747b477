"""`headwater alerts`: does anything ask for a person?"""

from __future__ import annotations

from uuid import uuid4

import typer

from headwater.bootstrap import Platform
from headwater.entrypoints.commands.output import AsJson, show_json, show_table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Pipeline")(alerts)


def alerts(json: AsJson = False) -> None:
    """Evaluate the alerts of `clickhouse/sql/alerts` now; the exit code is 0 when none fires.

    The outcomes go to `ops.alerts` and to the dashboard Platform Health; what began or ended goes out as mail where
    HEADWATER_SMTP_URL and HEADWATER_ALERTS_TO say so. The DAG data_quality_checks does the same every hour.
    """
    platform, run_id = Platform(), f"by hand {uuid4()}"
    states = platform.alerts(run_id)
    if json:
        show_json(
            [{"alert": s.alert.name, "firing": s.firing, "message": s.message, "help": s.alert.help} for s in states]
        )
    else:
        rows = [(s.alert.name, "fires" if s.firing else "quiet", s.message or s.alert.when) for s in states]
        show_table("", ["alert", "state", "what"], rows)
    platform.tell(states, run_id)
    if any(state.firing for state in states):
        raise typer.Exit(1)
