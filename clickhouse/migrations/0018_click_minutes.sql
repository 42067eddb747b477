-- Clicks for the dashboard of platform health.

-- One row per minute and product with clicks, and one without a click at the present minute: no click is a zero, not a gap.
CREATE OR REPLACE VIEW ops.click_minutes AS
SELECT toStartOfMinute(toDateTime(timestamp, 'UTC')) AS minute, product_id, toUInt64(count) AS clicks
FROM analytics.product_clicks
UNION ALL
SELECT toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE AS minute, toUInt32(0) AS product_id, toUInt64(0) AS clicks;
