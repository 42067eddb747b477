-- Asks for the erasure of one person.
INSERT INTO ops.{requests:Identifier}
SELECT {request:UUID}, {user_ids:Array(UUID)}, {names:Array(String)}, {requested_at:DateTime64(3, 'UTC')}
