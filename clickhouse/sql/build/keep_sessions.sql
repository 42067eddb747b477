-- One row that makes a count of {day} the one that is read: where all its rows are there and the half hours are still those with {print}.
INSERT INTO ops.session_counts (day, print, count_id)
SELECT {day:Date}, {print:UInt64}, {count_id:UInt64}
FROM
(
    SELECT count() AS stored, any(sessions) AS sessions
    FROM ops.counted_sessions
    WHERE toDate(started_hour) = {day:Date} AND count_id = {count_id:UInt64}
)
WHERE stored > 0 AND stored = sessions AND {print:UInt64} = (SELECT print FROM ops.session_prints WHERE day = {day:Date})
