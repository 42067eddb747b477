-- Leaves one row of each fact of a day: the old or the corrected one, for what stands on the work sheet is put there again.
OPTIMIZE TABLE analytics.fact_events PARTITION {day:Date} FINAL DEDUPLICATE BY event_timestamp, event_id, build
