"""Bring Superset's own database up to date: tables, roles, the administrator and the analyst. May be repeated.

Runs in Superset's environment, once per version, in one process: each `superset` command would load all of it again.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import psycopg2
from flask_migrate import upgrade
from psycopg2 import errors, sql
from sqlalchemy.engine.url import make_url
from superset.app import create_app
from superset.extensions import appbuilder, db, security_manager

ANALYST = "Analyst"


def _value(name: str) -> str | None:
    """The variable, else the content of the file that `NAME_FILE` names."""
    path = os.environ.get(f"{name}_FILE")
    return os.environ.get(name) or (Path(path).read_text(encoding="utf-8").strip() if path else None)


def _secret(name: str) -> str:
    return _value(name) or sys.exit(f"Set {name} or {name}_FILE.")


def _make_database() -> None:
    """Make the database and its role by the server's owner, where an address of that owner is given."""
    owner = _value("HEADWATER_POSTGRES_OWNER_URL")
    if not owner:
        return
    ours = make_url(_value("HEADWATER_SUPERSET_DATABASE_URL") or "")
    connection = psycopg2.connect(make_url(owner).set(drivername="postgresql").render_as_string(hide_password=False))
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        name = sql.Identifier(str(ours.username))
        with contextlib.suppress(errors.DuplicateObject):
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(str(ours.password))))
        with contextlib.suppress(errors.DuplicateDatabase):
            words = sql.SQL("CREATE DATABASE {} OWNER {}")
            cursor.execute(words.format(sql.Identifier(str(ours.database)), name))


def _analyst_role(manager: Any) -> Any:
    """Sees every dashboard and dataset and asks by SQL Lab; has no page of administration.

    Rights that the administrator gave to the role by hand stay.
    """
    role = manager.add_role(ANALYST)
    permissions = [each for name in ("Gamma", "sql_lab") for each in manager.find_role(name).permissions]
    permissions += [
        manager.add_permission_view_menu(name, name) for name in ("all_datasource_access", "all_database_access")
    ]
    role.permissions = list(dict.fromkeys([*role.permissions, *permissions]))
    return role


def _user(manager: Any, name: str, first_name: str, role: Any, password: str) -> None:
    found = manager.find_user(username=name)
    if found is None:
        made = manager.add_user(name, first_name, "", f"{name}@localhost", role, password=password)
        if not made:
            sys.exit(f"The user {name} could not be made; the lines above say why.")
        return
    if role not in found.roles:
        found.roles = [*found.roles, role]
        manager.update_user(found)
    manager.reset_password(found.id, password)


def main() -> None:
    """Do it."""
    _make_database()
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
