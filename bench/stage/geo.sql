-- One row per event: the place of its visit, five times each.
INSERT INTO analytics.events_geo_raw
(
    click_id, geo_latitude, geo_longitude, geo_country, geo_timezone, geo_region_name, ip_address,
    topic, epoch, partition, offset, kafka_time, ingested_at
)
WITH sipHash64(intDiv(number, 5)) % 200000 AS user
SELECT
    reinterpretAsUUID(sipHash128(intDiv(number, 5), 'click')),
    40 + user % 200 / 10, user % 300 / 10, ['DE', 'FR', 'ES', 'IT'][user % 4 + 1], 'Europe/Berlin',
    concat('region', toString(user % 50)),
    concat('10.', toString(user % 250), '.1.2'),
    {topic:String}, {epoch:UUID}, 0, number, now64(3), toStartOfSecond(now64(3))
FROM numbers({from:UInt64}, {rows:UInt64})
