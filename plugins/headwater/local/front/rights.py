"""What users may do: closed lists of statements, databases, system tables, functions, engines and settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DATABASES = frozenset({"analytics", "ops"})

_HARMLESS_SYSTEM = _words(
    """
    settings tables columns databases functions one numbers numbers_mt zeros zeros_mt time_zones formats
    keywords data_type_families table_engines table_functions aggregate_function_combinators build_options
    collations contributors licenses data_skipping_indices
    """
)
_OPERATIONAL_SYSTEM = _words(
    """
    parts parts_columns mutations merges processes query_log user_query_log metrics events asynchronous_metrics
    view_refreshes detached_parts dropped_tables merge_tree_settings server_settings disks errors
    """
)

_READING = _words(
    """
    SelectWithUnionQuery ShowTablesQuery ShowColumnsQuery ShowIndexesQuery ExplainQuery UseQuery ExistsQuery
    ShowCreateQuery
    """
)
_WRITING = _words(
    """
    InsertQuery CreateQuery DropQuery AlterQuery RenameQuery OptimizeQuery DeleteQuery UpdateQuery SetQuery
    SystemQuery KillQueryQuery
    """
)

_TABLE_FUNCTIONS = _words(
    """
    numbers numbers_mt zeros zeros_mt values sqlstandardvalues null generateseries generate_series view primes
    """
)

# Functions that read files, dictionaries, settings or the network, name tables by text, or hold a thread.
DENIED_FUNCTIONS = re.compile(
    r"file|dict.*|joinget.*|get.*setting.*|getmacro|getserverport|getclienthttpheader|currentrequesturl"
    r"|hascolumnintable|catboost.*|evalmlmethod|naivebayes.*|showcertificate|sleep.*|filesystem.*|zookeeper.*"
    r"|transaction.*|address.*|demangle|logtrace|generateserialid|serveruuid|tid|fuzzquery|structureto.*"
    r"|ai(?:redact|similarity|filter|classify|embed|extract|generate|translate).*|eval|remote.*|url|s3"
)

ENGINES = re.compile(r"\w*MergeTree|Null|Memory|Set|Join|Log|TinyLog|StripeLog|View|MaterializedView|EmbeddedRocksDB")
DENIED_ALTERS = re.compile(r".*FREEZE.*|FETCH.*|MOVE_PARTITION_TO_SHARD")
SYSTEM_COMMANDS = re.compile(r"FLUSH_LOGS|(?:START|STOP|REFRESH|WAIT|CANCEL)_VIEWS?|(?:START|STOP)_MERGES")


@dataclass(frozen=True)
class Rights:
    """The closed lists of one user."""

    statements: frozenset[str]
    system_tables: frozenset[str]
    table_functions: frozenset[str]
    may_set: bool
    databases: frozenset[str] = DATABASES


READER = Rights(_READING, _HARMLESS_SYSTEM, _TABLE_FUNCTIONS, may_set=False)
WRITER = Rights(
    _READING | _WRITING,
    _HARMLESS_SYSTEM | _OPERATIONAL_SYSTEM,
    _TABLE_FUNCTIONS | {"generaterandom"},
    may_set=True,
)

# Settings that a reader may send; each is about the shape of the answer or makes a query cheaper.
READER_SETTINGS = re.compile(
    r"output_format_(?!schema)\w+|format_csv_\w+|format_tsv_\w+"
    r"|date_time_(?:in|out)put_format|session_timezone|max_threads|max_block_size"
    r"|preferred_block_size_bytes|cast_string_to_dynamic_use_inference|join_use_nulls|joined_subquery_requires_alias"
    r"|use_query_cache|log_comment|log_queries|extremes|async_insert|final"
    r"|enable_analyzer|allow_experimental_analyzer|prefer_column_name_to_alias|group_by_use_nulls|union_default_mode"
    r"|interval_output_format|query_cache_\w+|aggregate_functions_null_for_empty|transform_null_in"
)

# Settings that name tables, files, engines or other servers, or change the language that the guard reads.
DENIED_SETTINGS = re.compile(
    r"disk|storage_policy|dialect|implicit_\w+|additional_\w+|format_schema\w*|format_template\w*"
    r"|output_format_schema|promql_\w+|default_\w*table_engine|\w*cluster\w*|\w*schema_inference_make\w*"
    r"|table_function_\w+|parallel_replicas_\w+|rename_files_\w+|\w*_query_plan"
)


@dataclass(frozen=True)
class ReaderLimits:
    """Bounds of one query of a reader; a client may lower them and never raise them."""

    numbers: Mapping[str, int] = field(
        default_factory=lambda: {
            "max_execution_time": 120,
            "max_result_bytes": 2 << 30,
            "max_result_rows": 20_000_000,
            "max_memory_usage": 2 << 30,
            "max_rows_to_read": 20_000_000_000,
        }
    )
    fixed: Mapping[str, str] = field(
        default_factory=lambda: {
            "timeout_overflow_mode": "throw",
            "result_overflow_mode": "throw",
            # A filter on the key of a table that is read with FINAL, such as the day, then saves reading other columns.
            "optimize_move_to_prewhere_if_final": "1",
            "additional_table_filters": _visible_only(),
        }
    )


def _visible_only() -> str:
    names = ", ".join(f"\\'{name}\\'" for name in sorted(DATABASES | {"system"}))
    return (
        "{"
        + ", ".join(
            f"'system.{table}': '{column} in ({names})'"
            for table, column in (("tables", "database"), ("columns", "database"), ("databases", "name"))
        )
        + "}"
    )


READER_LIMITS = ReaderLimits()
