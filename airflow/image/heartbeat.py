#!/usr/bin/env python3
"""Health of one of Airflow's programs, as the API server knows it: exit code 0 when it is healthy.

`heartbeat.py scheduler` (or `dag_processor`, `triggerer`, `metadatabase`). Reading one page costs a health check far
less than starting Airflow's command line.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request

DEFAULT_API = "http://airflow-api:8080"


def healthy(part: str, api: str, timeout_s: float = 5.0) -> bool:
    """Whether `part` reports to be well."""
    try:
        with urllib.request.urlopen(f"{api}/api/v2/monitor/health", timeout=timeout_s) as answer:  # noqa: S310 - http
            parts = json.load(answer)
        return bool(parts[part]["status"] == "healthy")
    except (OSError, ValueError, KeyError, TypeError):
        return False


if __name__ == "__main__":
    sys.exit(not healthy(sys.argv[1], os.environ.get("HEADWATER_AIRFLOW_API", DEFAULT_API)))
