-- Keeps the outcome of one alert.
INSERT INTO ops.alerts (run_id, evaluated_at, alert, firing, subjects, message, help)
SELECT
    {run_id:String},
    {evaluated_at:DateTime64(3, 'UTC')},
    {alert:String},
    {firing:Bool},
    {subjects:Array(String)},
    {message:String},
    {help:String}
