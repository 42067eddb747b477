-- One row per event: the device of its visit, five times each, of 200,000 users.
INSERT INTO analytics.events_device_raw
(
    click_id, os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id,
    topic, epoch, partition, offset, kafka_time, ingested_at
)
WITH sipHash64(intDiv(number, 5)) % 200000 AS user
SELECT
    reinterpretAsUUID(sipHash128(intDiv(number, 5), 'click')),
    'Linux 6.1', ['Linux', 'Android', 'iOS'][user % 3 + 1], 'Europe/Berlin', ['Desktop', 'Mobile'][user % 2 + 1], user % 2 = 1,
    concat('user', toString(user), '@example.com'),
    reinterpretAsUUID(sipHash128(user, 'user')),
    {topic:String}, {epoch:UUID}, 0, number, now64(3), toStartOfSecond(now64(3))
FROM numbers({from:UInt64}, {rows:UInt64})
