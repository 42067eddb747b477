"""## Send dead letters to their topics again

Events that broke the contract are kept for 30 days. Once the contract is mended (or the events turn out to be good),
this sends a selection of them again, so that they go the normal way and are judged anew by `streaming_to_clickhouse`.
Every dead letter is sent once, however often this runs. Begin with `dry_run`, which only counts.
"""

from __future__ import annotations

from airflow.sdk import DAG, Asset, Param

from headwater.entrypoints import tasks

STREAMS = ("browser", "device", "geo", "location", "interaction")
REASONS = (
    "too_large",
    "invalid_json",
    "not_an_object",
    "missing_field",
    "wrong_type",
    "out_of_range",
    "implausible_time",
)

with DAG(
    dag_id="replay_dead_letters",
    description="Dead letters → Kafka, each once",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=tasks.DEFAULT_ARGS,
    tags=["headwater", "ingestion"],
    params={
        "dry_run": Param(True, type="boolean", description="Only count what would be sent."),
        "streams": Param(
            [], type="array", items={"enum": list(STREAMS)}, examples=list(STREAMS), description="Empty: all streams."
        ),
        "reasons": Param(
            [], type="array", items={"enum": list(REASONS)}, examples=list(REASONS), description="Empty: all reasons."
        ),
        "fields": Param([], type="array", items={"type": "string"}, description="Offending fields; empty: all."),
        "ids": Param(
            [], type="array", items={"type": "string"}, description="Messages as topic/partition/offset; empty: all."
        ),
        "origins": Param(
            [], type="array", items={"type": "string"}, description="Files or objects, also NAME:LINE; empty: all."
        ),
        "since": Param(
            None, type=["null", "string"], format="date-time", description="Messages that Kafka took then or later."
        ),
        "until": Param(None, type=["null", "string"], format="date-time", description="Messages before this time."),
        "failed_again": Param(
            False, type="boolean", description="Also what was replayed before and broke the contract again."
        ),
        "on_failure": Param(
            "dead-letter",
            type="string",
            enum=["dead-letter", "stop", "drop"],
            description="When an event breaks the contract again: keep it as a new dead letter, stop at the first, or "
            "do not send what today's contract refuses.",
        ),
    },
) as dag:
    tasks.replay_dead_letters.override(
        outlets=[Asset(f"headwater://kafka/{stream}_events") for stream in STREAMS],
    )()
