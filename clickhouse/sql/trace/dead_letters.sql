-- One row per dead letter since {since} whose bytes hold the id, with or without dashes.
SELECT stream, topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, reason, field, detail
FROM ops.dead_letters
WHERE ingested_at >= {since:DateTime64(3, 'UTC')}
  AND multiSearchAnyCaseInsensitive(raw, [{dashed:String}, {plain:String}])
ORDER BY kafka_time, partition, offset
LIMIT 20
