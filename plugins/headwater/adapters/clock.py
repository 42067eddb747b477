"""The machine's clock behind the port `Clock`."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """UTC, in whole milliseconds, as ClickHouse keeps times of the books."""

    def now(self) -> datetime:
        """The current time, aware."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
