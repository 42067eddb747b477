"""Bring Superset's own database up to date: tables, roles, the administrator and the analyst. May be repeated.

Runs in Superset's environment, once per version, in one process: each `superset` command would load all of it again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from flask_migrate import upgrade
from superset.app import create_app
from superset.extensions import appbuilder, db, security_manager

ANALYST = "Analyst"


def _secret(name: str) -> str:
    path = os.environ.get(f"{name}_FILE")
    return os.environ.get(name) or (
        Path(path).read_text(encoding="utf-8").strip() if path else sys.exit(f"Set {name}.")
    )


def _analyst_role(manager: Any) -> Any:
    """Sees every dashboard and dataset and asks by SQL Lab; has no page of administration."""
    role = manager.add_role(ANALYST)
    permissions = [each for name in ("Gamma", "sql_lab") for each in manager.find_role(name).permissions]
    permissions += [
        manager.add_permission_view_menu(name, name) for name in ("all_datasource_access", "all_database_access")
    ]
    role.permissions = list(dict.fromkeys(permissions))
    return role


def _user(manager: Any, name: str, first_name: str, role: Any, password: str) -> None:
    found = manager.find_user(username=name)
    if found is None:
        made = manager.add_user(name, first_name, "", f"{name}@localhost", role, password=password)
        if not made:
            sys.exit(f"The user {name} could not be made; the lines above say why.")
        return
    found.roles = [role]
    manager.update_user(found)
    manager.reset_password(found.id, password)


def main() -> None:
    """Do it."""
    app = create_app()
    with app.app_context():
        upgrade()
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        analyst = _analyst_role(security_manager)
        db.session.commit()
        admin = security_manager.find_role("Admin")
        _user(security_manager, "admin", "Administrator", admin, _secret("HEADWATER_SUPERSET_PASSWORD"))
        _user(security_manager, "analyst", "Analyst", analyst, _secret("HEADWATER_SUPERSET_ANALYST_PASSWORD"))
        db.session.commit()


if __name__ == "__main__":
    main()
