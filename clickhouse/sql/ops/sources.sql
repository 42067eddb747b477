-- One row per source: the facts that it brought, and in how many files or objects.
SELECT
    multiIf(
        startsWith(source_object, 's3://'), 's3',
        source_object != '', 'files',
        event_id IN (SELECT event_id FROM analytics.fact_interactions), 'collector',
        'kafka'
    )                                                     AS source,
    count()                                               AS events,
    uniqExactIf(source_object, source_object != '')       AS origins,
    min(event_timestamp)                                  AS first,
    max(event_timestamp)                                  AS last
FROM analytics.fact_events
GROUP BY source
ORDER BY source
