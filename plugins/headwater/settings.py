"""The only reader of the environment: typed, frozen settings with secrets as secrets.

Order: environment variables `HEADWATER_*`, then the file `stack.env` that a running local stack keeps in
`HEADWATER_HOME`, then the defaults below.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from headwater.core.windows import LatePolicy

STACK_ENV_FILE = "stack.env"


class Settings(BaseSettings):
    """Everything that may differ between two installations."""

    model_config = SettingsConfigDict(env_prefix="HEADWATER_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Field(default=Path(".headwater"), description="Folder that holds all state of the local stack.")
    port_offset: int = Field(default=0, ge=0, le=40000, description="Added to every port of the local stack.")
    cache: Path | None = Field(
        default=None, description="Folder of downloaded jars, shared by stacks; unset: `.headwater-cache` beside them."
    )
    dags_dir: Path | None = Field(default=None, description="Folder of Airflow's DAG files; unset: the project's own.")
    airflow_port: int | None = Field(default=None, ge=1, le=65535, description="Unset: 8080 plus the offset.")
    clickhouse_port: int | None = Field(default=None, ge=1, le=65535, description="Unset: 8123 plus the offset.")
    kafka_port: int | None = Field(default=None, ge=1, le=65535, description="Unset: 9092 plus the offset.")
    kafka_controller_port: int | None = Field(default=None, ge=1, le=65535, description="Unset: 9093 plus the offset.")
    s3_port: int | None = Field(default=None, ge=1, le=65535, description="Unset: 9000 plus the offset.")
    consumer: bool = Field(default=False, description="Whether the local stack also runs `headwater consume`.")
    consumer_port: int | None = Field(
        default=None, ge=1, le=65535, description="Metrics of the stack's consumer; unset: 9108 plus the offset."
    )
    windows: bool = Field(default=False, description="Whether the local stack also runs `headwater windows`.")
    windows_port: int | None = Field(
        default=None, ge=1, le=65535, description="Metrics of the stack's `windows`; unset: 9109 plus the offset."
    )
    visitors: bool = Field(default=False, description="Whether the local stack also plays imaginary live visits.")
    superset: bool | None = Field(
        default=None, description="Whether the local stack runs Superset; unset: where `.venv-superset` is set up."
    )
    superset_port: int | None = Field(default=None, ge=1, le=65535, description="Unset: 8088 plus the offset.")
    heartbeat_s: float = Field(
        default=10.0, ge=0, description="Seconds between the heartbeats of a consumer; 0 sends none."
    )
    reject_ratio: float = Field(
        default=0.2, ge=0, le=1, description="Share of messages that may break the contract before consumers stop."
    )
    samples_dir: Path | None = Field(
        default=None, description="Folder of your own four JSONL files; unset: the bundled samples."
    )

    collector_port: int | None = Field(default=None, ge=1, le=65535, description="Unset: 8090 plus the offset.")
    collector_url: str = "http://127.0.0.1:8090"
    collector_write_key: SecretStr | None = Field(default=None, description="Write key of the local stack's own pages.")
    collector_origins: str = Field(
        default="", description="Origins of the pages that may send events, with commas between them; `*`: all."
    )
    collector_keys_file: Path | None = Field(
        default=None, description="File of the hashes of write keys; unset: `secrets/write-keys.json` in the home."
    )
    collector_geoip_file: Path | None = Field(
        default=None, description="Database (.mmdb) of cities or countries; unset: no place is known."
    )
    collector_addresses: Literal["full", "cut", "none"] = Field(
        default="full", description="How visitors' addresses are kept: cut ends them after 24 (IPv6: 48) bits."
    )
    collector_rate: float = Field(default=5000, gt=0, description="Events per second that one write key may send.")
    collector_body_bytes: int = Field(
        default=4_000_000, ge=1_000, description="Longest body of a request, also after decompression."
    )
    collector_queue_messages: int = Field(
        default=50_000, ge=5, description="Messages that may wait for Kafka at once; more are answered with 429."
    )
    collector_shop: bool = Field(default=True, description="Whether the collector also serves the demo shop.")

    window_s: int = Field(default=60, ge=1, le=86_400, description="Length of the windows in which clicks are counted.")
    window_grace_s: int = Field(
        default=60, ge=0, le=604_800, description="Seconds that a window stays open for clicks that come late."
    )
    window_late: LatePolicy = Field(
        default=LatePolicy.ASIDE, description="What becomes of later clicks: aside keeps them in ops.rejects."
    )

    smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server, `smtp://user:password@host:587` or `smtps://…`; unset: no mail goes out.",
    )
    alerts_to: str = Field(
        default="", description="Who gets a mail when an alert begins or ends, with commas between them."
    )
    alerts_from: str = Field(default="headwater@localhost", description="Sender of these mails.")

    erasure_key: SecretStr | None = Field(
        default=None, description="Secret for the hashes of erased persons; unset: the file erasure.key in the home."
    )

    clickhouse_url: SecretStr | None = Field(default=None, description="HTTP address with the owner's login.")
    clickhouse_writer_url: SecretStr | None = None
    clickhouse_reader_url: SecretStr | None = None
    kafka_bootstrap: str = "127.0.0.1:9092"
    airflow_url: str = "http://127.0.0.1:8080"
    airflow_user: str = "admin"
    airflow_password: SecretStr | None = None
    superset_url: str = "http://127.0.0.1:8088"
    superset_user: str = "admin"
    superset_password: SecretStr | None = None
    superset_analyst_user: str = "analyst"
    superset_analyst_password: SecretStr | None = None
    s3_endpoint: str | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    s3_bucket: str = "events"
    s3_region: str = "us-east-1"
    s3_start: date | None = Field(
        default=None, description="First day that the DAG load_from_s3 catches up from; unset: it does not catch up."
    )


def load_settings(home: Path | None = None) -> Settings:
    """Read the settings of `home` (default `HEADWATER_HOME`, else `.headwater` in the current folder)."""
    chosen = (home or Path(os.environ.get("HEADWATER_HOME") or ".headwater")).resolve()
    return Settings(home=chosen, _env_file=chosen / STACK_ENV_FILE)
