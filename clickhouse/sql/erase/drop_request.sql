-- Forgets whom a request named.
ALTER TABLE ops.erasure_requests DROP PARTITION {request:UUID}
