"""A day of made-up history in a bucket: what the demo loads from S3."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from headwater.app.generate import write_files
from headwater.app.put_samples import put_samples
from headwater.core.generator.blocks import Spec
from headwater.ports import ObjectStore

EVENTS = 3_000
# Other visitors than those of the bundled samples.
_SEED = 2
# The last visits end before midnight.
_DAYS = 0.98
# A task of Airflow takes seconds, whatever its object holds.
_HOURS_PER_OBJECT = 24


def history_spec(day: date) -> Spec:
    """Which events the day has; the same ones whenever they are asked for."""
    return Spec(EVENTS, _SEED, datetime.combine(day, time(), UTC), _DAYS)


def put_history(store: ObjectStore, day: date) -> list[str]:
    """Store the events of `day`, an object for each stream; returns the keys.

    Doing it again gives the same bytes, so that a load skips them.
    """
    with tempfile.TemporaryDirectory(prefix="headwater-history-") as name:
        write_files(history_spec(day), Path(name))
        return put_samples(store, Path(name), timedelta(0), hours_per_object=_HOURS_PER_OBJECT)
