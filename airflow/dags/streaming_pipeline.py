"""## Count clicks on products in windows of time

`clicks` → tumbling windows of event time → `aggregation_clicks` → `analytics.product_clicks`, each click once, however
often a task is killed. Clicks whose window was closed when they came, and those that break the contract, are kept aside
in `ops.rejects`. `headwater windows` and `headwater consume` do the same all the time; all of them may run at once.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, Param

from headwater.entrypoints import tasks

with DAG(
    dag_id="streaming_pipeline",
    description="Clicks → windows → product_clicks",
    doc_md=__doc__,
    schedule="* * * * *",
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=tasks.DEFAULT_ARGS,
    tags=["headwater", "clicks"],
    params={
        "generate_s": Param(
            0, type="number", minimum=0, maximum=300, description="Seconds of made-up clicks to send first; 0: none."
        ),
        "rate": Param(50, type="number", minimum=0.1, maximum=5000, description="Made-up clicks per second."),
        "seed": Param(None, type=["null", "integer"], description="Repeat the clicks of an earlier run; empty: new."),
    },
) as dag:
    (
        tasks.generate_clicks.override(outlets=[Asset("headwater://kafka/clicks")])()
        >> tasks.aggregate_windows.override(outlets=[Asset("headwater://kafka/aggregation_clicks")])()
        >> tasks.consume_events.override(
            task_id="consume_aggregation_clicks", outlets=[Asset("headwater://analytics/product_clicks")]
        )("aggregation_clicks")
        >> tasks.verify_clicks.override(task_id="verify")()
    )
