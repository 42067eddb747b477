"""The HTTP interface of ClickHouse in front of the embedded engine, for one machine and loopback only."""
