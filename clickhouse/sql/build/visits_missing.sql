-- One row: click_ids of the plan's device and geo rows that `ops.visits` does not hold.
WITH
    (SELECT (first_ingested_at, last_ingested_at) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS span,
    (SELECT ranges FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken,
    devices AS
    (
        SELECT click_id
        FROM analytics.events_device_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND click_id NOT IN (SELECT click_id FROM ops.kept_out WHERE plan = {plan:UInt64} AND NOT is_end)
          AND arrayExists(r -> r.1 = 'device_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
    ),
    geos AS
    (
        SELECT click_id
        FROM analytics.events_geo_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND click_id NOT IN (SELECT click_id FROM ops.kept_out WHERE plan = {plan:UInt64} AND NOT is_end)
          AND arrayExists(r -> r.1 = 'geo_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
    )
SELECT
    (
        SELECT count()
        FROM devices
        WHERE click_id NOT IN (SELECT click_id FROM ops.known_visits WHERE plan = {plan:UInt64} AND part = 'device' AND NOT is_end)
          AND click_id NOT IN (SELECT click_id FROM ops.visits WHERE plan = {plan:UInt64} AND part = 'device')
    )
    +
    (
        SELECT count()
        FROM geos
        WHERE click_id NOT IN (SELECT click_id FROM ops.known_visits WHERE plan = {plan:UInt64} AND part = 'geo' AND NOT is_end)
          AND click_id NOT IN (SELECT click_id FROM ops.visits WHERE plan = {plan:UInt64} AND part = 'geo')
    ) AS missing
