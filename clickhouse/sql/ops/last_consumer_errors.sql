-- One row per stream that had errors: the last error that ended a member.
SELECT stream, member, consequence, message, happened_at
FROM ops.consumer_errors
ORDER BY happened_at DESC
LIMIT 1 BY stream
