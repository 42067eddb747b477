"""Where one stack keeps its state, and the ports it listens on: everything follows from the settings."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from headwater.assets import project_root
from headwater.errors import FixSettings
from headwater.settings import STACK_ENV_FILE, Settings

_PRIVATE = 0o700
_PRIVATE_FILE = 0o600
CACHE_FOLDER = ".headwater-cache"


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports on 127.0.0.1. PostgreSQL and the supervisor listen on Unix sockets only."""

    airflow: int
    clickhouse: int
    kafka: int
    kafka_controller: int
    s3: int
    consumer: int = 9108
    windows: int = 9109
    superset: int = 8088
    collector: int = 8090

    @classmethod
    def of(cls, settings: Settings) -> Ports:
        """The port of each part: its own setting, else its usual port plus the offset."""
        offset = settings.port_offset
        return cls(
            airflow=settings.airflow_port or 8080 + offset,
            clickhouse=settings.clickhouse_port or 8123 + offset,
            kafka=settings.kafka_port or 9092 + offset,
            kafka_controller=settings.kafka_controller_port or 9093 + offset,
            s3=settings.s3_port or 9000 + offset,
            consumer=settings.consumer_port or 9108 + offset,
            windows=settings.windows_port or 9109 + offset,
            superset=settings.superset_port or 8088 + offset,
            collector=settings.collector_port or 8090 + offset,
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one stack. All state is under `home`; `runtime` holds only Unix sockets."""

    home: Path
    runtime: Path
    cache: Path
    dags: Path

    @classmethod
    def of(cls, settings: Settings) -> Layout:
        """The paths that belong to `settings.home`."""
        home = settings.home.resolve()
        digest = hashlib.sha256(str(home).encode()).hexdigest()[:10]
        root = project_root()
        return cls(
            home=home,
            # Unix socket paths over about 100 characters fail, so sockets are not under the home.
            runtime=Path(tempfile.gettempdir()) / f"headwater-{os.geteuid()}-{digest}",
            cache=(settings.cache or root / CACHE_FOLDER).resolve(),
            dags=(settings.dags_dir or root / "airflow" / "dags").resolve(),
        )

    @property
    def run(self) -> Path:
        """Configuration and process records of the supervisor."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """One log file per part, and Airflow's task logs."""
        return self.home / "logs"

    @property
    def secrets(self) -> Path:
        """Credentials."""
        return self.home / "secrets"

    @property
    def stack_env(self) -> Path:
        """Addresses and credentials that `Settings` reads."""
        return self.home / STACK_ENV_FILE

    @property
    def supervisor_socket(self) -> Path:
        """Control socket of the supervisor."""
        return self.runtime / "supervisor.sock"

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.home / "postgres" / "data"

    def log(self, part: str) -> Path:
        """Log file of one part."""
        return self.logs / f"{part}.log"

    def make(self) -> None:
        """Create the folders that hold state, private to this user; modes of existing parents stay as they are."""
        self.home.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        for folder in (self.run, self.logs, self.secrets, self.postgres_data.parent):
            folder.mkdir(mode=_PRIVATE, exist_ok=True)
            folder.chmod(_PRIVATE)
        for name in ("airflow", "clickhouse", "kafka", "s3", "superset"):
            (self.home / name).mkdir(mode=_PRIVATE, exist_ok=True)

    def make_runtime(self) -> None:
        """Create the folder of sockets. It lies in a folder that all users share, so it is checked, not trusted."""
        try:
            self.runtime.mkdir(mode=_PRIVATE)
        except FileExistsError:
            found = self.runtime.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
                raise FixSettings(
                    f"{self.runtime} must be a folder of yours that nobody else can enter, and it is not. "
                    "Remove it, or set TMPDIR to another folder, and start again.",
                    path=self.runtime,
                ) from None


def private_file(path: Path, text: str) -> None:
    """Write `text` to a file that only this user can read, at once or not at all; leave it alone if it says so."""
    with contextlib.suppress(OSError):
        if path.read_text(encoding="utf-8") == text and stat.S_IMODE(path.stat().st_mode) == _PRIVATE_FILE:
            return
    # Readable and writable by its owner only.
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
    Path(fresh).replace(path)
