-- Sums by hour for charts over many days. They are projections: each part of a table holds its own, so that they change
-- with its rows at every insert, merge, swap and deletion. A query that asks for more, or filters by more, reads the rows.

-- A merge that takes out or adds up rows makes them anew.
ALTER TABLE analytics.fact_events MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE analytics.fact_events ADD PROJECTION IF NOT EXISTS page_hours
(
    SELECT event_hour, event_type, came_from, page_url_path, count(), countIf(page_url_path = '/confirmation')
    GROUP BY event_hour, event_type, came_from, page_url_path
);

ALTER TABLE analytics.fact_events ADD PROJECTION IF NOT EXISTS lag_hours
(
    SELECT event_hour, dateDiff('second', event_timestamp, created_at), count()
    GROUP BY event_hour, dateDiff('second', event_timestamp, created_at)
);

ALTER TABLE analytics.fact_events MATERIALIZE PROJECTION page_hours;

ALTER TABLE analytics.fact_events MATERIALIZE PROJECTION lag_hours;

ALTER TABLE analytics.visit_hours MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE analytics.visit_hours ADD PROJECTION IF NOT EXISTS source_hours
(
    SELECT
        hour, utm_source, utm_medium, utm_campaign,
        sum(event_count), sum(purchase_count), uniq(click_key), uniqIf(user_key, user_key != 0)
    GROUP BY hour, utm_source, utm_medium, utm_campaign
);

ALTER TABLE analytics.visit_hours MATERIALIZE PROJECTION source_hours;

-- One row per hour and seconds from an event until it stood in the facts: how many events.
CREATE OR REPLACE VIEW analytics.build_lags AS
SELECT event_hour AS hour, dateDiff('second', event_timestamp, created_at) AS lag_s, count() AS event_count
FROM analytics.fact_events
GROUP BY event_hour, lag_s;
