"""Closed vocabularies: event models, topics, tables, reject reasons, metric names."""
