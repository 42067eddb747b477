-- One row: click_ids of device and geo rows that are planned and staged and stand in no visit.
WITH
    planned AS
    (
        SELECT r.1 AS topic, r.2 AS epoch, r.3 AS partition, max(r.5) AS planned_to
        FROM ops.plans
        ARRAY JOIN ranges AS r
        WHERE plan <= {before:UInt64} AND plan IN (SELECT plan FROM ops.plans_done)
        GROUP BY topic, epoch, partition
    )
SELECT
    (
        SELECT count()
        FROM (SELECT * FROM analytics.events_device_raw WHERE click_id NOT IN (SELECT click_id FROM ops.visits WHERE part = 'device')) AS s
        INNER JOIN planned AS p ON p.topic = s.topic AND p.epoch = s.epoch AND p.partition = s.partition
        WHERE s.offset < p.planned_to
    )
    +
    (
        SELECT count()
        FROM (SELECT * FROM analytics.events_geo_raw WHERE click_id NOT IN (SELECT click_id FROM ops.visits WHERE part = 'geo')) AS s
        INNER JOIN planned AS p ON p.topic = s.topic AND p.epoch = s.epoch AND p.partition = s.partition
        WHERE s.offset < p.planned_to
    ) AS missing
