-- At most one row: how far a load of a file with this content came.
SELECT position, lines, sent, rejects
FROM ops.load_progress
WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND key = {key:String} AND etag = {etag:String} AND variant = {variant:String}
ORDER BY saved_at DESC, position DESC
LIMIT 1
