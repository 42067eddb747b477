-- Records that the messages of a plan are in Kafka.
INSERT INTO ops.replays_done
SELECT {plan:UInt64}, {plan_id:UUID}, {sent:UInt64}, {not_sent:UInt64}, {gone:UInt64}, {done_at:DateTime64(3, 'UTC')}
