-- One row per event: its page.
INSERT INTO analytics.events_location_raw
(
    event_id, page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign,
    topic, epoch, partition, offset, kafka_time, ingested_at
)
WITH ['/home', '/product_a', '/product_b', '/cart', '/confirmation'][number % 5 + 1] AS path
SELECT
    reinterpretAsUUID(sipHash128(number, 'event')),
    concat('https://shop.example.com', path), path, '', 'search', 'cpc',
    ['google', 'bing', ''][intDiv(number, 5) % 3 + 1], 'a', concat('campaign', toString(intDiv(number, 5) % 7)),
    {topic:String}, {epoch:UUID}, 0, number, now64(3), toStartOfSecond(now64(3))
FROM numbers({from:UInt64}, {rows:UInt64})
