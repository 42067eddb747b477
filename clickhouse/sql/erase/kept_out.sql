-- One row per click_id of plan {plan} that belongs to an erased person: known by its own tombstone, or by that of its user where the event is older; one that closes the sheet.
INSERT INTO ops.kept_out
WITH
    (SELECT (first_ingested_at, last_ingested_at) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS span,
    (SELECT ranges FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken,
    events AS
    (
        SELECT click_id, event_timestamp
        FROM analytics.events_browser_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND arrayExists(r -> r.1 = 'browser_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
        UNION ALL
        SELECT click_id, event_timestamp FROM ops.waiting WHERE plan = {plan:UInt64} - 1 AND kind = 'event'
    ),
    devices AS
    (
        SELECT click_id, user_domain_id, user_custom_id
        FROM analytics.events_device_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND arrayExists(r -> r.1 = 'device_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
    ),
    clicks AS
    (
        SELECT DISTINCT click_id
        FROM
        (
            SELECT click_id FROM events
            UNION ALL
            SELECT click_id FROM devices
            UNION ALL
            SELECT click_id
            FROM analytics.events_geo_raw
            WHERE ingested_at BETWEEN span.1 AND span.2
              AND arrayExists(r -> r.1 = 'geo_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
            UNION ALL
            SELECT click_id
            FROM analytics.events_interaction_raw
            WHERE ingested_at BETWEEN span.1 AND span.2
              AND arrayExists(r -> r.1 = 'interaction_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
        )
    ),
    people AS
    (
        SELECT DISTINCT click_id, arrayJoin(
        [
            sipHash128Keyed(({key_low:UInt64}, {key_high:UInt64}), concat('user:', ifNull(toString(user_domain_id), ''))),
            sipHash128Keyed(({key_low:UInt64}, {key_high:UInt64}), concat('name:', lower(user_custom_id)))
        ]) AS hash
        FROM
        (
            SELECT click_id, user_domain_id, user_custom_id FROM devices
            UNION ALL
            SELECT click_id, user_domain_id, user_custom_id FROM ops.visits WHERE part = 'device' AND click_id IN (SELECT click_id FROM events)
        )
    )
SELECT {plan:UInt64}, of_click, of_end
FROM
(
    SELECT DISTINCT click_id AS of_click, false AS of_end
    FROM
    (
        SELECT click_id
        FROM clicks
        WHERE sipHash128Keyed(({key_low:UInt64}, {key_high:UInt64}), concat('click:', toString(click_id)))
            IN (SELECT hash FROM ops.tombstones WHERE kind = 'click')
        UNION ALL
        SELECT e.click_id
        FROM events AS e
        INNER JOIN people AS p ON p.click_id = e.click_id
        INNER JOIN (SELECT hash, max(erased_at) AS erased_at FROM ops.tombstones WHERE kind != 'click' GROUP BY hash) AS t ON t.hash = p.hash
        WHERE e.event_timestamp < t.erased_at
    )
    UNION ALL
    SELECT toUUID('00000000-0000-0000-0000-000000000000'), true
)
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
ORDER BY cityHash64(of_click, of_end) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
