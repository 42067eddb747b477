-- One row per event: event ids and visits follow from its number, {hourly} events an hour from {start} on.
INSERT INTO analytics.events_browser_raw
(
    event_id, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent,
    topic, epoch, partition, offset, kafka_time, ingested_at
)
SELECT
    reinterpretAsUUID(sipHash128(number, 'event')),
    fromUnixTimestamp64Micro(toInt64({start:Int64} * 1000000 + intDiv(number * 3600000000, {hourly:UInt64})), 'UTC'),
    'pageview',
    reinterpretAsUUID(sipHash128(intDiv(number, 5), 'click')),
    ['Chrome', 'Firefox', 'Safari', 'Edge'][number % 4 + 1],
    'de',
    concat('Mozilla/5.0 (X11; Linux x86_64) Version/', toString(number % 40)),
    {topic:String}, {epoch:UUID}, 0, number, now64(3), toStartOfSecond(now64(3))
FROM numbers({from:UInt64}, {rows:UInt64})
