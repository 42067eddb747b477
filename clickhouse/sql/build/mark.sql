-- Notes that a build is about to be claimed; a restart of the server forgets it.
INSERT INTO ops.marks SELECT {plan_id:UUID}
