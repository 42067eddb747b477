"""## Erase a person

Removes every row that leads to a person (by `user_domain_id`, `user_custom_id` or e-mail), makes the days of their
facts anew without them, and keeps out what is delivered of them again. Begin with `dry_run`, which only counts. Once
begun it is finished by this DAG or by the next build, whatever happens in between. Kafka's topics and backups end by
their own retention.
"""

from __future__ import annotations

from airflow.sdk import DAG, Asset, Param

from headwater.entrypoints import tasks

with DAG(
    dag_id="erase_user",
    description="Everything of one person leaves the warehouse",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=tasks.DEFAULT_ARGS,
    tags=["headwater", "privacy"],
    params={
        "dry_run": Param(True, type="boolean", description="Only count what would go, table by table."),
        "user": Param(
            "",
            type="string",
            maxLength=500,
            description="user_domain_id or user_custom_id of the person; may be empty.",
        ),
        "email": Param("", type="string", maxLength=500, description="E-mail address of the person; may be empty."),
    },
) as dag:
    tasks.erase_user.override(outlets=[Asset("headwater://analytics/fact_events")])()
