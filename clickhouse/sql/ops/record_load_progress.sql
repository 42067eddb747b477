-- Records how far a load of a file came.
INSERT INTO ops.load_progress
SELECT
    {key:String}, {etag:String}, {topic:String}, {epoch:UUID}, {variant:String}, {position:UInt64}, {lines:UInt64},
    {sent:UInt64}, {rejects:UInt64}, {saved_at:DateTime64(3, 'UTC')}
