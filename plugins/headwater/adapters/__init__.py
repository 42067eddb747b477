"""The outside world behind the ports: Kafka, ClickHouse, S3, clock, and in-memory twins."""
