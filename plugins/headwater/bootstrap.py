"""The composition root: settings in, wired use cases out. DAG tasks and commands start here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.topics import KafkaTopics
from headwater.app.build import Build, BuildLimits, Built, PlanDone
from headwater.app.check import CheckResult, read_checks, run_checks
from headwater.app.dimensions import update_dimension
from headwater.app.ingest import Ingest, Moved
from headwater.app.load import Loaded, Loader, find_files
from headwater.app.migrate import Migration, migrate, read_migrations
from headwater.app.reconcile import PartitionBooks, reconcile
from headwater.app.summary import Summary, summarize
from headwater.app.topics import apply_topics
from headwater.app.upkeep import Cleared, clear_staging, optimize_tables
from headwater.assets import asset, project_root
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.checks import CheckKind
from headwater.errors import FixSettings
from headwater.ports import FlushLimits, TopicChange
from headwater.settings import Settings, load_settings


class Platform:
    """Every use case, wired to one installation. Works with the writer's rights; only the schema needs the owner's."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or load_settings()
        owner = self.settings.clickhouse_url or self.settings.clickhouse_writer_url
        writer = self.settings.clickhouse_writer_url or owner
        if owner is None or writer is None:
            raise FixSettings(
                "HEADWATER_CLICKHOUSE_URL is not set and there is no running stack in "
                f"{self.settings.home}. Start one with `headwater up`, or set the address."
            )
        self.clock = SystemClock()
        self._owner_url = owner.get_secret_value()
        self.database = ClickHouse(writer.get_secret_value())
        self.ledger = ClickHouseLedger(self.database)
        self.log = KafkaLog(self.settings.kafka_bootstrap)
        self._loader = Loader(self.log, self.ledger, self.database, self.clock)

    def migrate(self) -> list[Migration]:
        """Bring the schema up to date with the owner's rights; returns what was applied now."""
        owner = ClickHouse(self._owner_url)
        try:
            return migrate(read_migrations(asset("clickhouse/migrations")), owner)
        finally:
            owner.close()

    def create_topics(self) -> list[TopicChange]:
        """Make Kafka's topics equal to `kafka/topics.yaml`."""
        admin = KafkaTopics(self.settings.kafka_bootstrap)
        return list(apply_topics(load_topics(asset("kafka/topics.yaml")), admin))

    def load_sample(
        self,
        stream: str,
        folder: Path | None = None,
        *,
        shift_to_now: bool = True,
        again: bool = False,
        tell: Callable[[int], None] = lambda _sent: None,
    ) -> Loaded:
        """Load the file of one stream from `folder` as it is, else from the folder of the settings.

        The bundled samples, and only these, are moved to now where `shift_to_now` says so.
        """
        bundled = project_root() / "data" / "samples"
        chosen = folder or self.settings.samples_dir or bundled
        moves = shift_to_now and chosen.resolve() == bundled
        shift = self._loader.samples_shift(chosen) if moves else timedelta(0)
        return self._loader.load(STREAMS[stream], find_files(chosen)[stream], shift, again, tell)

    def load(
        self, stream: str, path: Path, again: bool = False, tell: Callable[[int], None] = lambda _sent: None
    ) -> Loaded:
        """Load one JSONL file as it is; content that was loaded before is skipped unless `again`."""
        return self._loader.load(STREAMS[stream], path, again=again, tell=tell)

    def messages_in_kafka(self, stream: str) -> int:
        """Messages that the topic of the stream was ever given."""
        return sum(mark.end for mark in self.log.watermarks(STREAMS[stream].topic).values())

    def drain(self, stream: str, limits: FlushLimits | None = None) -> Moved:
        """Store everything that the topic of the stream holds now, exactly once."""
        return self._ingest(stream).drain(limits or FlushLimits())

    def consume(self, stream: str, limits: FlushLimits, stop: Callable[[], bool]) -> Moved:
        """Store what comes until `stop()`."""
        return self._ingest(stream).run(limits, stop)

    def reconcile(self, stream: str) -> list[PartitionBooks]:
        """Prove that what Kafka handed out stands in the tables."""
        return reconcile(STREAMS[stream], self.log, self.database, self.clock)

    def build(self, limits: BuildLimits, tell: Callable[[PlanDone], None] = lambda _done: None) -> Built:
        """Build facts and aggregates from what is staged."""
        return Build(self.database, self.clock, limits).run(tell)

    def update_dimension(self, name: str) -> int:
        """Write `dim_users` or `dim_geo` anew; returns its rows."""
        return update_dimension(name, self.database)

    def check(self, kinds: Iterable[CheckKind], run_id: str) -> list[CheckResult]:
        """Run the quality checks of these kinds and keep the results."""
        return run_checks(read_checks(asset("clickhouse/sql/quality"), kinds), run_id, self.database, self.clock)

    def optimize(self) -> int:
        """Merge crowded days for a bounded time."""
        return optimize_tables(self.database, self.clock)

    def clear_staging(self, dry_run: bool = False) -> Cleared:
        """Drop staged days that are built and old."""
        return clear_staging(self.database, self.clock, dry_run=dry_run)

    def summary(self) -> Summary:
        """Rows per stage, tables and the latest verdicts."""
        return summarize(self.log, self.database)

    def _ingest(self, stream: str) -> Ingest:
        return Ingest(STREAMS[stream], self.log, self.ledger, self.clock)
