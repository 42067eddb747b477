"""## Load the folder of events into Kafka

Creates the schema and the topics, then sends the four files `<stream>_events.jsonl` of `HEADWATER_SAMPLES_DIR`
(default: the bundled samples) to their topics, line by line, as they are. Nothing is judged here: the engine does that
when `streaming_to_clickhouse` runs. A file that was loaded before is skipped; sent again on purpose it adds nothing to
the facts.
"""

from __future__ import annotations

from airflow.sdk import DAG, Asset, Param

from headwater.entrypoints import tasks

STREAMS = ("browser", "device", "geo", "location")

with DAG(
    dag_id="init_data_pipeline",
    description="Create topics and load the folder of events into Kafka",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=tasks.DEFAULT_ARGS,
    tags=["headwater", "ingestion"],
    params={
        "samples_dir": Param(
            None,
            type=["null", "string"],
            maxLength=4096,
            description="Folder of the four files; empty: HEADWATER_SAMPLES_DIR, else the bundled samples.",
        ),
        "shift_to_now": Param(
            True,
            type="boolean",
            description="Move the bundled samples so that their newest event is recent. Your own files never move.",
        ),
        "load_again": Param(
            False,
            type="boolean",
            description="Send files again though the same content was loaded before. Facts count each event once.",
        ),
    },
) as dag:
    loads = [
        tasks.load_events.override(
            task_id=f"load_{stream}_events", outlets=[Asset(f"headwater://kafka/{stream}_events")]
        )(stream)
        for stream in STREAMS
    ]
    tasks.create_kafka_topics() >> loads
    tasks.verify_data_load(loads)
