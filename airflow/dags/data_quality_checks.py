"""## Check the data, keep the results, report them

Each check is a SQL file below `clickhouse/sql/quality` that returns offending rows. Results of every run stand in
`ops.quality_results`. A check of severity `fail` that finds something fails its task and the run. The report also
evaluates the alerts (`clickhouse/sql/alerts`) and sends what is new about them as mail, where a mail server is set.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset

from headwater.entrypoints import tasks

KINDS = ("freshness", "nulls", "duplicates", "referential_integrity", "consistency")

with DAG(
    dag_id="data_quality_checks",
    description="Quality checks over all tables, with a report",
    doc_md=__doc__,
    schedule="@hourly",
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={**tasks.DEFAULT_ARGS, "retries": 1},
    tags=["headwater", "quality"],
) as dag:
    checks = [tasks.run_check.override(task_id=f"check_{kind}")(kind) for kind in KINDS]
    report = tasks.generate_quality_report.override(
        trigger_rule="all_done", outlets=[Asset("headwater://ops/quality_results")]
    )()
    checks >> report
