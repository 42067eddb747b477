"""The name under which Airflow's parts know this machine."""

from __future__ import annotations


def name() -> str:
    """The loopback address: no part of the local stack is reached by another, and no name needs to be looked up."""
    return "127.0.0.1"
