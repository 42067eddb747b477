-- At most one row: the last time that a file or object with this content was sent to this topic in whole.
SELECT lines, rejects, size_bytes, loaded_at
FROM ops.loaded_objects
WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND key = {key:String} AND etag = {etag:String} AND variant = {variant:String}
ORDER BY loaded_at DESC
LIMIT 1
