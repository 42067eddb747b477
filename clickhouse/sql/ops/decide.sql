-- Records a decision, unless one of that name stands.
INSERT INTO ops.decisions SELECT {name:String}, {value:String}, {decided_at:DateTime64(3, 'UTC')}
