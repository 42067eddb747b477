"""## Empty the warehouse

Empties `warehouse` (facts, dimensions, aggregates, marts and what belongs to them), which the next build brings back
from staging; or `all` (staging, dead letters and the ledger of loads too), which loading again brings back. Kafka is
read on where it was read up to. Nothing happens unless `confirm` says `truncate`. Once begun it is finished by this
DAG or by the next build, whatever happens in between.
"""

from __future__ import annotations

from airflow.sdk import DAG, Asset, Param

from headwater.entrypoints import tasks

with DAG(
    dag_id="truncate_clickhouse",
    description="Tables are emptied, with the progress that belongs to them",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=tasks.DEFAULT_ARGS,
    tags=["headwater", "warehouse"],
    params={
        "part": Param(
            "warehouse",
            type="string",
            enum=["warehouse", "all"],
            description="`warehouse` is built again from staging; `all` must be loaded again, and what came by HTTP or "
            "straight into Kafka goes for good.",
        ),
        "confirm": Param(
            "", type="string", maxLength=20, description="Type `truncate`. Without it rows are only counted."
        ),
    },
) as dag:
    tasks.truncate_clickhouse.override(outlets=[Asset("headwater://analytics/fact_events")])()
