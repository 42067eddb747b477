"""`headwater visits`: a few live visits of the demo shop, through the HTTP collector."""

from __future__ import annotations

from typing import Annotated

import typer

from headwater.adapters.clock import SystemClock
from headwater.adapters.collector import CollectorClient
from headwater.core.shop_visits import shop_visit
from headwater.entrypoints.commands.output import progress
from headwater.errors import FixSettings
from headwater.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Collector")(visits)


def visits(
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=10_000, help="How many visits.")] = 3,
) -> None:
    """Send visits of the demo shop to the HTTP collector, each with a purchase, as a browser would.

    They are in the tables after the next runs of `streaming_to_clickhouse` and `build_dwh_layer`. To make a visit of
    your own, open the shop in a browser: `headwater env` has its address.
    """
    settings = load_settings()
    if settings.collector_write_key is None:
        raise FixSettings("HEADWATER_COLLECTOR_WRITE_KEY is not set. Start the stack with `headwater up`, or set it.")
    client = CollectorClient(settings.collector_url, settings.collector_write_key.get_secret_value())
    now = SystemClock().now()
    accepted = sum(client.send(shop_visit(settings.collector_url, number, now)) for number in range(count))
    progress.print(f"{count} visits, {accepted} events: Kafka has them.")
