-- One row when the last two whole hours have under a third, or over three times, of the events that they usually have.
-- severity: warn
-- table: analytics.fact_events
-- help: Usual are the same hours of seven earlier days, each as it looked then at this time of the day. Few: look at the trackers, the collector and `headwater status`. Many: look at the sources and for a load of recent files.
WITH
    toStartOfHour({as_of:DateTime64(3, 'UTC')}) AS until,
    hours AS (SELECT until - toIntervalHour(24 * intDiv(number, 2) + number % 2 + 1) AS hour FROM numbers(16)),
    seen AS
    (
        SELECT toUInt64(intDiv(dateDiff('hour', toStartOfHour(event_timestamp), until), 24)) AS day, count() AS events
        FROM analytics.fact_events
        WHERE toStartOfHour(event_timestamp) IN (SELECT hour FROM hours)
          AND toDate(event_timestamp) IN (SELECT toDate(hour) FROM hours)
          AND created_at <= {as_of:DateTime64(3, 'UTC')} - toIntervalDay(day) -- what was loaded later does not count
        GROUP BY day
    ),
    days AS (SELECT n.number AS day, s.events AS events FROM numbers(8) AS n LEFT JOIN seen AS s ON s.day = n.number)
SELECT until - INTERVAL 2 HOUR AS since, events, week_before, low, high
FROM
(
    SELECT
        sumIf(d.events, d.day = 0) AS events,
        sumIf(d.events, d.day = 7) AS week_before,
        arraySort(groupArrayIf(d.events, d.day > 0)) AS earlier,
        earlier[2] AS low, -- one odd day of the seven does not count
        earlier[6] AS high
    FROM days AS d
)
WHERE ((low >= 50 AND 3 * events < least(low, week_before)) OR (high >= 50 AND events > 3 * greatest(high, week_before)))
  AND (SELECT as_of FROM ops.plans ORDER BY plan LIMIT 1) <= {as_of:DateTime64(3, 'UTC')} - INTERVAL 8 DAY
LIMIT 100
