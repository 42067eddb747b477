-- Keeps the outcome of one check.
INSERT INTO ops.quality_results
SELECT
    {run_id:String}, {checked_at:DateTime64(3, 'UTC')}, {kind:String}, {check_name:String}, {owner:String},
    {severity:String}, {passed:Bool}, {offending:UInt64}, {sample:String}, {help:String}
