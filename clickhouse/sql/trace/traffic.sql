-- One row: the row of agg_traffic_sources that a fact counts in.
SELECT countMerge(total_events) AS total_events, uniqMerge(unique_users) AS unique_users, uniqMerge(unique_sessions) AS unique_sessions
FROM analytics.agg_traffic_sources
WHERE date = toDate({at:DateTime64(3, 'UTC')}) AND utm_source = {utm_source:String} AND utm_medium = {utm_medium:String}
  AND utm_campaign = {utm_campaign:String} AND utm_content = {utm_content:String} AND referer_medium = {referer_medium:String}
