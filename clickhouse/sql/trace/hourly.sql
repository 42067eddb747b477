-- One row: the row of agg_events_hourly that a fact counts in.
SELECT countMerge(total_events) AS total_events, uniqMerge(unique_users) AS unique_users, uniqMerge(unique_clicks) AS unique_clicks
FROM analytics.agg_events_hourly
WHERE event_hour = toStartOfHour({at:DateTime64(3, 'UTC')}) AND event_type = {event_type:String} AND browser_name = {browser_name:String}
  AND device_type = {device_type:String} AND geo_country = {geo_country:String} AND utm_source = {utm_source:String} AND utm_campaign = {utm_campaign:String}
