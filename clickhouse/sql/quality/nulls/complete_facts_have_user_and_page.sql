-- One row per recent fact that is marked complete and has no user or no page.
-- severity: fail
-- table: analytics.fact_events
-- help: A complete fact has all its parts, and these fields are required in them. Look at the build that made it (column build).
SELECT event_id, build, user_domain_id, page_url_path
FROM analytics.fact_events
WHERE created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
  AND is_complete AND (isNull(user_domain_id) OR page_url_path = '')
LIMIT 100
