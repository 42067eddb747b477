-- Alerts: what was found each time they were evaluated.

-- One row per alert and evaluation.
CREATE TABLE IF NOT EXISTS ops.alerts
(
    run_id       String COMMENT 'The run that evaluated it',
    evaluated_at DateTime64(3, 'UTC') COMMENT 'When it was evaluated',
    alert        LowCardinality(String) COMMENT 'Its file below clickhouse/sql/alerts',
    firing       Bool COMMENT 'Whether somebody should look',
    subjects     Array(String) COMMENT 'What it is about: topics, checks',
    message      String COMMENT 'What is the matter; empty when it is quiet',
    help         String COMMENT 'What to do'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(evaluated_at)
ORDER BY (alert, evaluated_at)
TTL toDateTime(evaluated_at) + INTERVAL 365 DAY
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per alert: how it stood when it was last evaluated, and since when it is so.
CREATE OR REPLACE VIEW ops.alert_states AS
SELECT
    alert,
    argMax(firing, a.evaluated_at)  AS is_firing,
    argMax(message, a.evaluated_at) AS last_message,
    argMax(help, a.evaluated_at)    AS last_help,
    max(a.evaluated_at)             AS last_evaluated_at
FROM ops.alerts AS a
GROUP BY alert;
