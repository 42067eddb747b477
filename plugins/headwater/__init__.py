"""Headwater: exact clickstream analytics from Kafka to ClickHouse."""
