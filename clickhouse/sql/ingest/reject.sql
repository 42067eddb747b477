-- Keeps one line that was refused before Kafka.
INSERT INTO ops.rejects
SELECT {stream:String}, unhex({raw_hex:String}), {reason:String}, '', {detail:String}, {origin:String}, {origin_line:UInt64}, {rejected_at:DateTime64(3, 'UTC')}
