-- One row per stream, reason and field of the dead letters: how many, and where the first stands.
SELECT
    stream, reason, field, count() AS events,
    argMin(if(origin = '', concat(topic, '[', toString(partition), ']@', toString(offset)), concat(origin, ':', toString(origin_line))), (kafka_time, partition, offset)) AS first_at
FROM ops.dead_letters
GROUP BY stream, reason, field
ORDER BY events DESC, stream, reason, field
LIMIT 20
