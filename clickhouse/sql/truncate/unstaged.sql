-- One row per topic of which staging no longer holds what was stored, less what was taken out on purpose.
SELECT s.topic AS topic, s.booked AS booked, h.rows AS rows
FROM
(
    SELECT topic, sum(staged) AS booked
    FROM (SELECT * FROM ops.stored WHERE topic IN {topics:Array(String)} LIMIT 1 BY claim_id)
    GROUP BY topic
) AS s
LEFT JOIN
(
    SELECT topic, sum(n) AS rows
    FROM
    (
        SELECT topic, count() AS n FROM analytics.events_browser_raw GROUP BY topic
        UNION ALL SELECT topic, count() FROM analytics.events_device_raw GROUP BY topic
        UNION ALL SELECT topic, count() FROM analytics.events_geo_raw GROUP BY topic
        UNION ALL SELECT topic, count() FROM analytics.events_location_raw GROUP BY topic
        UNION ALL SELECT topic, count() FROM analytics.events_interaction_raw GROUP BY topic
        UNION ALL SELECT topic, uniqExact(epoch, partition, offset) FROM ops.erased WHERE place = 'staged' GROUP BY topic
    )
    GROUP BY topic
) AS h ON h.topic = s.topic
WHERE h.rows < s.booked
ORDER BY topic
SETTINGS join_use_nulls = 0
