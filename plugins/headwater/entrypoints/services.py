"""The services that run on, as containers start them: without the local stack, whose servers their image lacks."""

from __future__ import annotations

import typer

from headwater.entrypoints.commands import consume, windows
from headwater.entrypoints.run_app import run_app

app = typer.Typer(name="headwater.entrypoints.services", no_args_is_help=True, pretty_exceptions_enable=False)
for module in (consume, windows):
    module.register(app)


if __name__ == "__main__":
    run_app(app)
