-- One row per stream and reason: lines that were refused before Kafka.
SELECT stream, reason, count() AS lines FROM ops.rejects GROUP BY stream, reason ORDER BY stream, reason
