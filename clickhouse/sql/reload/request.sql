-- Asks for objects to be loaded anew, all at once.
INSERT INTO ops.{requests:Identifier}
SELECT
    {request:UUID}, o.1, o.2, o.3 AS of_topic,
    arrayMap(u -> (u.2, u.3, u.4), arrayFilter(u -> u.1 = of_topic, {until:Array(Tuple(String, UUID, UInt32, UInt64))})),
    {requested_at:DateTime64(3, 'UTC')}
FROM (SELECT arrayJoin({objects:Array(Tuple(String, String, String))}) AS o)
ORDER BY cityHash64(o.1) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
