"""The composition root: settings in, wired use cases out. DAG tasks and commands start here."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.heartbeats import KafkaPulse
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.mail import SmtpMail
from headwater.adapters.replays import ClickHouseReplays
from headwater.adapters.s3 import S3Objects, s3_client
from headwater.adapters.secret_file import write_secret
from headwater.adapters.topics import KafkaTopics
from headwater.app.alerts import AlertState, evaluate, read_alerts, tell
from headwater.app.build import Build, BuildLimits, Built, PlanDone
from headwater.app.check import CheckResult, read_checks, run_checks
from headwater.app.consumer import SERVICE_LIMITS, Consumer, Member
from headwater.app.correct import propose_removal
from headwater.app.dimensions import update_dimension
from headwater.app.erase import Erased, ask, erased_rows, preview_erasure, propose_erasure
from headwater.app.erase_keys import Key, demand_key
from headwater.app.event_files import find_files
from headwater.app.heartbeats import Heartbeats
from headwater.app.history import put_history
from headwater.app.ingest import Ingest
from headwater.app.lag import ConsumerStatus, StreamLag, consumer_status, freshness
from headwater.app.load import Loaded, Loader, Progress
from headwater.app.migrate import Migration, migrate, pending, read_migrations
from headwater.app.monitor import Monitor
from headwater.app.objects import load_object
from headwater.app.plan_runner import PlanRunner
from headwater.app.put_samples import put_samples
from headwater.app.rebuild import Preview, Rebuild
from headwater.app.reconcile import PartitionBooks, reconcile
from headwater.app.reload import Reload, propose_reload
from headwater.app.replay import Replay, Replayed
from headwater.app.retire import propose_retirement
from headwater.app.room import Room
from headwater.app.send_clicks import SentClicks, send_clicks
from headwater.app.sources import SourceEvents, source_events
from headwater.app.storing import Moved
from headwater.app.summary import Summary, summarize
from headwater.app.taking_out import TakenOut, taken_out
from headwater.app.topics import apply_topics
from headwater.app.trace import Trace
from headwater.app.truncate import Part, demand_staged, preview_truncation, propose_truncation
from headwater.app.upkeep import Cleared, clear_staging, count_leading_days, count_session_days, optimize_tables
from headwater.app.verify import Invariant, verify
from headwater.app.watching import StreamWatch
from headwater.app.windows import ClickAccounts, Windows, click_accounts
from headwater.assets import asset, project_root
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.checks import CheckKind
from headwater.core.flood import FloodLimit
from headwater.core.generator.blocks import DEFAULT_START
from headwater.core.generator.clicks import ClickSpec
from headwater.core.object_keys import EventObject
from headwater.core.replay import SecondFailure, Selection
from headwater.core.windows import Tumbling
from headwater.errors import FixSettings
from headwater.ports import FlushLimits, Meter, ObjectStore, TopicChange, Watch
from headwater.settings import Settings, load_settings

_ERASURE_KEY_FILE = "erasure.key"


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
        self._room = Room()
        self._replay = Replay(self.log, ClickHouseReplays(self.database), self.clock, self.drain)
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
        tell: Callable[[Progress], None] = lambda _progress: None,
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
        self, stream: str, path: Path, again: bool = False, tell: Callable[[Progress], None] = lambda _progress: None
    ) -> Loaded:
        """Load one JSONL file as it is; content that was loaded before is skipped unless `again`."""
        return self._loader.load(STREAMS[stream], path, again=again, tell=tell)

    def objects(self, bucket: str | None = None) -> S3Objects:
        """A bucket, by default that of the settings."""
        secrets = (self.settings.s3_access_key, self.settings.s3_secret_key)
        access, secret = (each.get_secret_value() if each else None for each in secrets)
        client = s3_client(self.settings.s3_endpoint, access, secret, self.settings.s3_region)
        return S3Objects(client, bucket or self.settings.s3_bucket)

    def load_object(
        self,
        store: ObjectStore,
        event_object: EventObject,
        again: bool = False,
        tell: Callable[[Progress], None] = lambda _progress: None,
    ) -> Loaded:
        """Send an object unless this very content was sent before."""
        return load_object(store, self._loader, event_object, again, tell)

    def reload(self, store: ObjectStore, found: Sequence[EventObject], *, dry_run: bool = False) -> TakenOut:
        """Take out what objects had brought in, so that the next load sends them; or only count it."""
        asking = Reload(self.database, self.clock, self.log, self.drain)
        if dry_run:
            return asking.preview(store, found)
        requests = asking.ask(store, found)
        self._plans().run(lambda _plan: propose_reload(self.database, self.clock))
        for name in ("dim_users", "dim_geo"):
            self.update_dimension(name)
        return taken_out(self.database, requests)

    def truncate(self, part: Part, request: UUID | None = None, *, dry_run: bool = False) -> TakenOut:
        """Empty the warehouse or everything, and the progress that belongs to it; or only count it.

        The same `request` is carried out once, however often it is made.
        """
        if dry_run:
            return preview_truncation(self.database, self.clock, part)
        demand_staged(self.database, part)
        request = request or uuid4()
        self._plans().run(lambda _plan: propose_truncation(self.database, self.clock, part, request))
        return taken_out(self.database, [request])

    def put_samples(self, store: ObjectStore, folder: Path | None = None, prefix: str = "") -> list[str]:
        """Store a folder of events in a bucket; the bundled one is moved in time as the DAG moves it."""
        bundled = project_root() / "data" / "samples"
        chosen = folder or bundled
        shift = self._loader.samples_shift(chosen) if chosen.resolve() == bundled else timedelta(0)
        return put_samples(store, chosen, shift, prefix)

    def put_history(self) -> date:
        """Store a day of made-up history in the bucket, the one before the first of the bundled events."""
        shift = self._loader.samples_shift(project_root() / "data" / "samples")
        day = (DEFAULT_START + shift).date() - timedelta(days=1)
        put_history(self.objects(), day)
        return day

    def messages_in_kafka(self, stream: str) -> int:
        """Messages that the topic of the stream was ever given."""
        return sum(mark.end for mark in self.log.watermarks(STREAMS[stream].topic).values())

    def drain(self, stream: str, limits: FlushLimits | None = None, *, reject_ratio: float | None = None) -> Moved:
        """Store everything that the topic of the stream holds now, exactly once.

        `reject_ratio` is the share of rejects that is let through this time; without it that of the settings.
        """
        return self._ingest(stream, reject_ratio=reject_ratio).drain(limits or FlushLimits())

    def consume(self, stream: str, limits: FlushLimits, stop: Callable[[], bool], watch: Watch | None = None) -> Moved:
        """Store what comes until `stop()`."""
        return self._ingest(stream, watch).run(limits, stop)

    def demand(self, streams: Iterable[str]) -> None:
        """Raise `FixSettings` unless the schema and the topics of these streams are there."""
        waiting = pending(read_migrations(asset("clickhouse/migrations")), self.database)
        if waiting:
            raise FixSettings(
                f"ClickHouse lacks the migrations from {waiting[0].number:04d}_{waiting[0].name} on. "
                "Run `headwater migrate`, or the DAG init_data_pipeline."
            )
        for name in streams:
            self.log.epoch(STREAMS[name].topic)

    def consumer_status(self, streams: Sequence[str]) -> ConsumerStatus:
        """Where every partition stands, whoever consumes it."""
        return consumer_status([STREAMS[name] for name in streams], self.log, self.database, self.clock)

    def freshness(self, minutes: float) -> list[StreamLag]:
        """Event → queryable over the heartbeats of the last minutes."""
        return freshness(self.database, self.clock, minutes)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    @property
    def tumbling(self) -> Tumbling:
        """The windows in which clicks are counted."""
        return Tumbling(self.settings.window_s, self.settings.window_grace_s, self.settings.window_late)

    def windows(self, emit_every_s: float = 10.0) -> Windows:
        """The counting of clicks in windows."""
        return Windows(self.log, self.ledger, self.tumbling, emit_every_s)

    def click_accounts(self) -> ClickAccounts:
        """The books of the clicks against the topic."""
        return click_accounts(self.log, self.database)

    def send_clicks(self, spec: ClickSpec, wait: Callable[[float], bool]) -> SentClicks:
        """Send made-up clicks; `wait` pauses and returns true when the sending shall stop."""
        return send_clicks(self.log, self.clock, wait, spec)

    def replay(
        self,
        selection: Selection,
        policy: SecondFailure = SecondFailure.DEAD_LETTER,
        tell: Callable[[Replayed], None] = lambda _replayed: None,
    ) -> Replayed:
        """Send dead letters to their topics again, each once."""
        return self._replay.run(selection, policy, tell)

    def count_dead_letters(self, selection: Selection) -> Sequence[Mapping[str, Any]]:
        """What a replay of the selection would take, by stream, reason and field."""
        return self._replay.count(selection)

    def reconcile(self, stream: str) -> list[PartitionBooks]:
        """Prove that what Kafka handed out stands in the tables."""
        return reconcile(STREAMS[stream], self.log, self.database, self.clock)

    def build(
        self,
        limits: BuildLimits,
        tell: Callable[[PlanDone], None] = lambda _done: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Built:
        """Build facts and aggregates from what is staged, until `stop()` says so between two plans."""
        return Build(self.database, self.clock, limits, self._key()).run(tell, stop)

    def remove_duplicates(self) -> Built:
        """Take out later facts of ids that stand on several days, of what was built lately; finishes open plans too."""
        return self._plans().run(lambda _plan: propose_removal(self.database, self.clock))

    def retire(self) -> Built:
        """Remove the facts of days that were kept long enough; what was counted of them stays."""
        return self._plans().run(lambda _plan: propose_retirement(self.database, self.clock))

    def rebuild(self, first: date, last: date, tell: Callable[[PlanDone], None] = lambda _done: None) -> Built:
        """Make the days between two dates anew."""
        return Rebuild(self.database, self.clock, self._key()).run(first, last, tell)

    def preview_rebuild(self, first: date, last: date) -> Preview:
        """What a rebuild of these days would change."""
        return Rebuild(self.database, self.clock).preview(first, last)

    def erase(self, users: Sequence[str], emails: Sequence[str], *, dry_run: bool = False) -> Erased:
        """Remove everything of a person, who is named by ids, or e-mail addresses, or both; or only count it."""
        ids, names = _ids_and_names(users, emails)
        if dry_run:
            return preview_erasure(self.database, self.clock, ids, names)
        demand_key(self.database, self._key(create=True))
        request = ask(self.database, self.clock, ids, names)
        self._plans().run(lambda _plan: propose_erasure(self.database, self.clock))
        for name in ("dim_users", "dim_geo"):
            self.update_dimension(name)
        return erased_rows(self.database, request)

    def verify(self, run_id: str) -> list[Invariant]:
        """Prove every invariant."""
        return verify(run_id, self.log, self.database, self.clock)

    def update_dimension(self, name: str) -> int:
        """Write `dim_users` or `dim_geo` anew; returns its rows."""
        return update_dimension(name, self.database)

    def check(self, kinds: Iterable[CheckKind], run_id: str) -> list[CheckResult]:
        """Run the quality checks of these kinds and keep the results."""
        return run_checks(read_checks(asset("clickhouse/sql/quality"), kinds), run_id, self.database, self.clock)

    def alerts(self, run_id: str) -> list[AlertState]:
        """Evaluate the alerts and keep the outcomes."""
        return evaluate(read_alerts(asset("clickhouse/sql/alerts")), run_id, self.database, self.clock)

    def tell(self, states: Sequence[AlertState], run_id: str) -> bool:
        """Mail what is new about the alerts; False where nothing is, or no mail server and nobody is set."""
        settings = self.settings
        people = [each.strip() for each in settings.alerts_to.split(",") if each.strip()]
        if settings.smtp_url is None or not people:
            return False
        mail = SmtpMail(settings.smtp_url.get_secret_value(), settings.alerts_from, people)
        return tell(states, run_id, self.database, mail)

    def optimize(self) -> int:
        """Merge crowded days for a bounded time."""
        return optimize_tables(self.database, self.clock)

    def count_leading_days(self) -> int:
        """Count the views that led to purchases on days that are over."""
        return count_leading_days(self.database, self.clock)

    def count_session_days(self) -> int:
        """Put the sessions of days that are over together."""
        return count_session_days(self.database, self.clock)

    def clear_staging(self) -> Cleared:
        """Drop staged days that are built and old."""
        return clear_staging(self.database, self.clock)

    def trace(self, *, personal: bool = False) -> Trace:
        """Follows events and messages through everything that is kept of them."""
        return Trace(self.database, self.clock, personal=personal)

    def summary(self) -> Summary:
        """Rows per stage, tables and the latest verdicts."""
        return summarize(self.log, self.database)

    def sources(self) -> list[SourceEvents]:
        """How many facts came from where."""
        return source_events(self.database)

    def _plans(self) -> PlanRunner:
        return PlanRunner(self.database, self.clock, self._key())

    def _key(self, *, create: bool = False) -> Key | None:
        """The secret of erasures: from the settings, else from the home, where the first erasure puts one."""
        secret = self.settings.erasure_key
        if secret is not None:
            return Key.of(secret.get_secret_value())
        file = self.settings.home / _ERASURE_KEY_FILE
        if create and not file.exists():
            write_secret(file)
        return Key.of(file.read_text().strip()) if file.exists() else None

    def _ingest(self, stream: str, watch: Watch | None = None, reject_ratio: float | None = None) -> Ingest:
        flood = FloodLimit(self.settings.reject_ratio if reject_ratio is None else reject_ratio)
        return Ingest(STREAMS[stream], self.log, self.ledger, self.clock, watch, flood, self._room)


def _ids_and_names(users: Sequence[str], emails: Sequence[str]) -> tuple[list[UUID], list[str]]:
    """Whom `--user` and `--email` name. Raises `FixSettings` when that is nobody."""
    ids: list[UUID] = []
    names = [email.strip() for email in emails]
    for user in map(str.strip, users):
        try:
            ids.append(UUID(user))
        except ValueError:
            names.append(user)
    if not ids and not any(names):
        raise FixSettings("Say whom to erase: a user id, an e-mail address, or both.")
    return ids, [name for name in names if name]


class ConsumerService:
    """The consumer as a service, wired: its members, each with connections of its own, and what runs beside them."""

    def __init__(self, streams: Sequence[str], meter: Meter, settings: Settings | None = None) -> None:
        self.platform = Platform(settings)
        self.member = f"{socket.gethostname()}/{os.getpid()}"
        clock = self.platform.clock
        chosen = [STREAMS[name] for name in streams]
        watches = {name: StreamWatch(name, meter, clock) for name in streams}
        members: dict[str, Member] = {name: partial(_consume, self.platform.settings, name) for name in streams}
        self.consumer = Consumer(members, watches, meter, clock)
        self.monitor = Monitor(
            chosen, list(watches.values()), self.consumer.take_failures,
            self.platform.log, self.platform.ledger, self.platform.database, meter, self.member,
        )  # fmt: skip
        self.heartbeats = Heartbeats(chosen, KafkaPulse(self.platform.settings.kafka_bootstrap), clock, self.member)

    def close(self) -> None:
        """Give the connections back."""
        self.platform.close()


def _consume(settings: Settings, stream: str, stop: Callable[[], bool], watch: Watch) -> Moved:
    """One member from its start to its end, with fresh connections: the old ones may be what failed."""
    platform = Platform(settings)
    try:
        return platform.consume(stream, SERVICE_LIMITS, stop, watch)
    finally:
        platform.close()
