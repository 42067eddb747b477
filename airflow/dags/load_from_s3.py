"""## Load history from a bucket into Kafka

Every hour the objects `year=/month=/day=/hour=/<stream>_events.jsonl.zip` (also `.jsonl`, `.gz`, `.zst`) of the hour
before are sent to their topics, at most five at once; turned on, the DAG catches up from HEADWATER_S3_START. By hand
it takes the range of `start_date` and `end_date`. An object whose content was sent before is skipped, and facts
count each event once, so that any run may be repeated. With `reload` what the objects had brought in goes first,
and aggregates follow. An object that cannot be read fails its own task; the others go on, and `verify` names it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param

from headwater.entrypoints import tasks

STREAMS = ("browser", "device", "geo", "location")
FIRST = tasks.catch_up_from()
_DATE = "^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$"

with DAG(
    dag_id="load_from_s3",
    description="Objects of a bucket → Kafka, each once",
    doc_md=__doc__,
    # A plain "@hourly" would be runs of a moment, without the hour that is to be loaded.
    schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
    start_date=FIRST or datetime(2026, 1, 1, tzinfo=UTC),
    catchup=FIRST is not None,
    max_active_runs=1,
    default_args=tasks.DEFAULT_ARGS,
    tags=["headwater", "ingestion"],
    params={
        "start_date": Param(
            "", type="string", pattern=_DATE, description="2026-01-31 or 2026-01-31T08:00, UTC; empty: the run's hour."
        ),
        "end_date": Param("", type="string", pattern=_DATE, description="A day is loaded in whole, an hour not."),
        "bucket": Param("", type="string", maxLength=63, description="Empty: that of `s3_default`."),
        "prefix": Param("", type="string", maxLength=512, description="What stands before `year=…` in the keys."),
        "streams": Param(
            [], type="array", items={"enum": list(STREAMS)}, examples=list(STREAMS), description="Empty: all four."
        ),
        "load_again": Param(
            False, type="boolean", description="Send objects again though they were sent before."
        ),
        "reload": Param(
            False,
            type="boolean",
            description="Take out what the objects had brought in (facts, visits, staged rows, dead letters) and send "
            "them anew. Cut off anywhere, it is finished by the same run again.",
        ),
    },
) as dag:  # fmt: skip
    found = tasks.list_objects()
    loaded = tasks.load_object.override(
        max_active_tis_per_dag=5, outlets=[Asset(f"headwater://kafka/{stream}_events") for stream in STREAMS]
    ).expand(listed=found)
    tasks.verify_objects.override(task_id="verify", trigger_rule="all_done")(found, loaded)
