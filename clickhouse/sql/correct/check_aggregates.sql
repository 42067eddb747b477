-- One row per day on which a shadow of an aggregate differs from the shadow of the facts.
SELECT
    f.day AS day, f.events AS facts, h.events AS hourly, t.events AS traffic, u.events AS by_users, f.with_user AS with_user,
    g.events AS by_places, f.with_place AS with_place, i.events AS listed_incomplete, f.incomplete AS incomplete
FROM
(
    SELECT
        toDate(event_timestamp) AS day, count() AS events, uniq(user_domain_id) AS users, uniq(click_id) AS clicks,
        countIf(isNotNull(user_domain_id)) AS with_user, countIf(isNotNull(geo_id)) AS with_place, countIf(NOT is_complete) AS incomplete
    FROM ops.{facts:Identifier}
    WHERE toDate(event_timestamp) IN {days:Array(Date)}
    GROUP BY day
) AS f
LEFT JOIN
(
    SELECT toDate(event_hour) AS day, countMerge(total_events) AS events, uniqMerge(unique_users) AS users, uniqMerge(unique_clicks) AS clicks
    FROM ops.{hourly:Identifier}
    GROUP BY day
) AS h ON h.day = f.day
LEFT JOIN
(
    SELECT date AS day, countMerge(total_events) AS events, uniqMerge(unique_users) AS users, uniqMerge(unique_sessions) AS clicks
    FROM ops.{traffic:Identifier}
    GROUP BY day
) AS t ON t.day = f.day
LEFT JOIN (SELECT date AS day, sum(total_events) AS events FROM ops.{users:Identifier} GROUP BY day) AS u ON u.day = f.day
LEFT JOIN (SELECT date AS day, sum(events) AS events FROM ops.{places:Identifier} GROUP BY day) AS g ON g.day = f.day
LEFT JOIN (SELECT toDate(event_timestamp) AS day, countIf(build > 0) AS events FROM ops.{incomplete:Identifier} GROUP BY day) AS i ON i.day = f.day
WHERE f.events != h.events OR f.users != h.users OR f.clicks != h.clicks
   OR f.events != t.events OR f.users != t.users OR f.clicks != t.clicks
   OR f.with_user != u.events OR f.with_place != g.events OR f.incomplete != i.events
ORDER BY day
SETTINGS join_use_nulls = 0
