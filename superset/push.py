"""Put the dashboards into this Superset from inside, as `headwater dashboards push` does by its API."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from flask import g
from superset.app import create_app
from superset.extensions import security_manager

from headwater.app.dashboards import push

ASSETS = Path(__file__).resolve().parent / "assets"


class ThisSuperset:
    """The Superset of this process. Its commands can be imported only once the application is made."""

    def export_assets(self) -> dict[str, str]:
        """Every asset as path and YAML text."""
        from superset.commands.export.assets import ExportAssetsCommand

        return {name: content() for name, content in ExportAssetsCommand().run()}

    def import_assets(self, files: Mapping[str, str]) -> None:
        """Make these assets, or change those that have the same UUIDs; all or none."""
        from superset.commands.importers.v1.assets import ImportAssetsCommand

        ImportAssetsCommand(dict(files), sparse=True).run()


def main() -> None:
    """Do it as the administrator."""
    app = create_app()
    with app.test_request_context():
        g.user = security_manager.find_user(username="admin")
        done = push(ASSETS, ThisSuperset())
    sys.stdout.write(", ".join(f"{count} {kind}" for kind, count in done.counts.items()) + " are in Superset\n")


if __name__ == "__main__":
    main()
