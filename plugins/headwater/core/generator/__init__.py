"""Seeded visitors of a shop: the same events for the same seed on any day and machine."""
