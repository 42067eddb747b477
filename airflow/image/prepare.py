#!/usr/bin/env python3
"""What must be there before Airflow starts: its tables, its administrator, and the bucket. Repeating it is harmless.

The administrator's password is read from a secret and handed over inside this process: it stands on no command line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

USER = "admin"
ROLE = "Admin"
SECRETS = Path("/run/secrets")
_THERE_ALREADY = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


def make_bucket(connection: dict[str, Any]) -> str:
    """Create the bucket of the connection `s3_default` unless it exists."""
    extra = connection["extra"]
    client = boto3.client(
        "s3",
        endpoint_url=extra["endpoint_url"],
        region_name=extra["region_name"],
        aws_access_key_id=connection["login"],
        aws_secret_access_key=connection["password"],
    )
    try:
        client.create_bucket(Bucket=extra["bucket"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in _THERE_ALREADY:
            raise
        return f"bucket {extra['bucket']}: there already"
    return f"bucket {extra['bucket']}: made"


def make_administrator(password: str) -> str:
    """Create the administrator, or give it the password of the secret. Only the image has the login's provider."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder  # noqa: PLC0415

    with get_application_builder() as builder:
        users = builder.sm
        known = users.find_user(USER)
        if known is not None:
            users.reset_password(known.id, password)
            return f"user {USER}: there already"
        made = users.add_user(USER, "Headwater", "Admin", f"{USER}@localhost", users.find_role(ROLE), password)
    if not made:
        raise SystemExit(f"Airflow refused to create the user {USER}; its reason stands above.")
    return f"user {USER}: made"


def main() -> int:
    """Prepare everything; any failure ends the job with an error, and nothing that needs it starts."""
    secrets = Path(os.environ.get("HEADWATER_SECRETS_DIR") or SECRETS)
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)
    sys.stdout.write(make_administrator((secrets / "airflow_password").read_text(encoding="utf-8").strip()) + "\n")
    connections = json.loads((secrets / "airflow_connections.json").read_text(encoding="utf-8"))
    sys.stdout.write(make_bucket(connections["s3_default"]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
