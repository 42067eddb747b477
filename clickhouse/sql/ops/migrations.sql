-- One row per migration that was applied.
SELECT number, any(sha256) AS sha256 FROM ops.migrations GROUP BY number
