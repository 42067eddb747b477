"""## Build facts, dimensions and aggregates from what is staged

Every staged event becomes one fact with its location, device and geo parts, or waits for them up to the grace time.
The aggregates are fed by the same insert. Running the DAG again, or twice at once, changes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, Param

from headwater.entrypoints import tasks

with DAG(
    dag_id="build_dwh_layer",
    description="Staging → facts, dimensions, aggregates",
    doc_md=__doc__,
    schedule="*/15 * * * *",
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=tasks.DEFAULT_ARGS,
    tags=["headwater", "warehouse"],
    params={
        "grace_minutes": Param(
            15,
            type="number",
            minimum=0,
            maximum=10080,
            description="How long an event waits for its location, device and geo parts before it is built without.",
        ),
        "rows_per_plan": Param(
            500_000, type="integer", minimum=1000, maximum=2_000_000, description="Events that one plan takes at most."
        ),
    },
) as dag:
    facts = tasks.build_fact_events.override(
        outlets=[Asset("headwater://analytics/fact_events"), Asset("headwater://analytics/agg_events_hourly")]
    )()
    dimensions = [
        tasks.update_dim_users.override(outlets=[Asset("headwater://analytics/dim_users")])(),
        tasks.update_dim_geo.override(outlets=[Asset("headwater://analytics/dim_geo")])(),
    ]
    facts >> dimensions >> tasks.optimize_tables() >> tasks.verify_dwh_layer() >> tasks.clear_staging_old_data()
