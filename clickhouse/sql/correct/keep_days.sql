-- One row per day of {days} that is no longer in the book of incomplete facts: it keeps the day, so that it can be swapped.
INSERT INTO ops.{shadow:Identifier} (event_id, event_timestamp, click_id, build, lacks_device, lacks_geo, lacks_location)
SELECT toUUID('00000000-0000-0000-0000-000000000000'), toDateTime64(day, 6, 'UTC'), toUUID('00000000-0000-0000-0000-000000000000'), 0, false, false, false
FROM (SELECT arrayJoin({days:Array(Date)}) AS day)
WHERE day IN (SELECT toDate(event_timestamp) FROM ops.incomplete)
  AND day NOT IN (SELECT toDate(event_timestamp) FROM ops.{shadow:Identifier})
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
