-- One row per square of a page: the clicks in it. {square} is its side in CSS pixels.
SELECT
    toInt32(floor(x / {square:UInt32}) * {square:UInt32}) AS left,
    toInt32(floor(y / {square:UInt32}) * {square:UInt32}) AS top,
    count()                                                AS clicks
FROM analytics.fact_interactions
WHERE event_type = 'click' AND page_url_path = {path:String}
  AND toDate(event_timestamp) BETWEEN {first_day:Date} AND {last_day:Date}
  AND isNotNull(x) AND isNotNull(y)
GROUP BY left, top
ORDER BY top, left
