-- Holds a number until the migration that it is kept for is merged; nothing is changed.

SELECT 1;
