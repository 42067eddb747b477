-- Keeps one error that ended a member of the consumer group.
INSERT INTO ops.consumer_errors
SELECT {stream:String}, {member:String}, {consequence:String}, {message:String}, {happened_at:DateTime64(3, 'UTC')}
