-- One row when the last whole hour had less than half the purchases of the same hour of the seven days before, on average.
-- help: Payment, the shop or the tracking of the confirmation page may be broken. Compare with the events of the hour on Web Analytics Overview. At least three such days and ten purchases on average are needed to tell.
SELECT
    'purchases' AS subject,
    concat(toString(latest), ' purchases from ', toString(last_hour), ' on, where ', toString(round(usual, 1)), ' are usual.') AS message
FROM
(
    SELECT
        toStartOfHour({as_of:DateTime64(3, 'UTC')}) - INTERVAL 1 HOUR AS last_hour,
        countIf(hour = last_hour) AS latest,
        uniqExactIf(hour, hour < last_hour) AS days,
        countIf(hour < last_hour) / 7 AS usual
    FROM ops.purchases
    WHERE hour IN (SELECT toStartOfHour({as_of:DateTime64(3, 'UTC')}) - INTERVAL 1 HOUR - toIntervalDay(number) FROM numbers(8))
)
WHERE days >= 3 AND usual >= 10 AND latest < usual / 2
LIMIT 100
