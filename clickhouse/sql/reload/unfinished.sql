-- One row per object that was asked for and that has not been sent in whole since: its key after {folder}, and the content that was asked for.
SELECT substring(object, length({folder:String}) + 1) AS key, etag
FROM
(
    SELECT object, topic, etag, toString(request_id) AS request, requested_at
    FROM ops.reload_requests
    WHERE startsWith(object, {folder:String})
    ORDER BY object, requested_at DESC, request_id DESC
    LIMIT 1 BY object
)
WHERE requested_at > (SELECT max(done_at) FROM ops.plans_done WHERE plan IN (SELECT plan FROM ops.plans WHERE kind = 'truncate_all'))
  AND (topic, object, concat('reload ', request)) NOT IN (SELECT topic, key, variant FROM ops.loaded_objects)
ORDER BY key
