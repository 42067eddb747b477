-- One row when the sessions of the newest counted day are others than putting its half hours together makes.
-- severity: fail
-- table: ops.counted_sessions
-- help: Charts of visits are wrong for this day. Delete its row from ops.session_counts and run `headwater run build_dwh_layer`, which counts it anew; look at days before it too.
WITH
    (
        SELECT max(day)
        FROM ops.session_counts
        WHERE (day, print) IN (SELECT day, print FROM ops.session_prints)
          AND day NOT IN
          (
              SELECT toDate(event_timestamp) + arrayJoin([-1, 0, 1])
              FROM ops.matched
              WHERE action = 'fact' AND plan NOT IN (SELECT plan FROM ops.plans_done)
          )
    ) AS newest,
    (
        SELECT min(count_id)
        FROM ops.session_counts
        WHERE day = newest AND (day, print) IN (SELECT day, print FROM ops.session_prints)
    ) AS kept
SELECT newest AS day, s.visits AS visits, c.visits AS counted
FROM
(
    SELECT
        count() AS visits,
        sum(cityHash64(toStartOfHour(started_at), duration_s, events, pages, utm_source, utm_campaign, geo_country, device_type)) AS content
    FROM analytics.sessions
    WHERE started_at >= toDateTime(newest, 'UTC') AND started_at < toDateTime(newest, 'UTC') + INTERVAL 1 DAY
) AS s
CROSS JOIN
(
    SELECT
        count() AS visits,
        sum(cityHash64(started_hour, duration_s, event_count, page_count, utm_source, utm_campaign, geo_country, device_type)) AS content
    FROM ops.counted_sessions
    WHERE toDate(started_hour) = newest AND count_id = kept
) AS c
WHERE s.visits != c.visits OR s.content != c.content
LIMIT 100
