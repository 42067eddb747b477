-- One row: facts of the objects, and facts that have a part from them.
WITH asked AS (SELECT object, topic FROM ops.{requests:Identifier} WHERE request_id = {request:UUID})
SELECT count() AS rows
FROM analytics.fact_events
WHERE source_object IN (SELECT object FROM asked)
   OR location_object IN (SELECT object FROM asked)
   OR click_id IN (SELECT click_id FROM ops.visits WHERE origin IN (SELECT object FROM asked))
