"""## Move what Kafka holds into ClickHouse, exactly once

One task per stream drains its topic: claim a range, store it under the claim's token, count, commit. Each may be
killed and run again at any point, beside other consumers. `validate_ingestion` then proves that every message stands
in staging, dead letters or heartbeats once, and tells which events broke the contract and why.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, Param

from headwater.entrypoints import tasks

STREAMS = ("browser", "device", "geo", "location", "interaction")

with DAG(
    dag_id="streaming_to_clickhouse",
    description="Kafka → staging, exactly once",
    doc_md=__doc__,
    schedule="*/5 * * * *",
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=tasks.DEFAULT_ARGS,
    tags=["headwater", "ingestion"],
    params={
        "reject_ratio": Param(
            None,
            type=["null", "number"],
            minimum=0,
            maximum=1,
            description="Share of messages that may break the contract before a stream stops, uncommitted; empty: "
            "HEADWATER_REJECT_RATIO, else 0.2. Run once with 1 to let a flood pass; its bad events are dead letters.",
        ),
    },
) as dag:
    consumed = [
        tasks.consume_events.override(
            task_id=f"consume_{stream}_events", outlets=[Asset(f"headwater://analytics/events_{stream}_raw")]
        )(stream)
        for stream in STREAMS
    ]
    consumed >> tasks.validate_ingestion(STREAMS)
