-- One row: swaps that the server is carrying out now.
SELECT countIf(query LIKE '%REPLACE PARTITION%FROM ops.%' AND query_kind = 'Alter') AS swaps
FROM system.processes
