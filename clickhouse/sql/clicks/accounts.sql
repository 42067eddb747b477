-- One row: clicks of one epoch of the topic `clicks` that are counted in windows, and those that were kept aside.
SELECT
    (SELECT sum(count) FROM analytics.aggregation_clicks_raw WHERE origin = {origin:String}) AS counted,
    (
        SELECT uniqExact(origin, origin_line)
        FROM ops.rejects
        WHERE stream = 'clicks' AND startsWith(origin, concat({origin:String}, '/'))
    ) AS aside
