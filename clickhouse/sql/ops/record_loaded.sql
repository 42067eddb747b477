-- Records that a file or object was sent in whole.
INSERT INTO ops.loaded_objects
SELECT
    {key:String}, {etag:String}, {topic:String}, {epoch:UUID}, {variant:String}, {size_bytes:UInt64}, {lines:UInt64},
    {rejects:UInt64}, {loaded_at:DateTime64(3, 'UTC')}
