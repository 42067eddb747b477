-- At most one row: the dead letter at a place in Kafka.
SELECT stream, topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, reason, field, detail
FROM ops.dead_letters
WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND offset = {offset:UInt64}
LIMIT 1
