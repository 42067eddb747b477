-- At most one row: a request in a table of requests.
SELECT DISTINCT request_id FROM ops.{requests:Identifier} WHERE request_id = {request:UUID}
