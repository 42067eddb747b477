-- One row per piece of the work sheet of {plan} that stands.
SELECT value AS piece FROM ops.{keys:Identifier} WHERE plan = {plan:UInt64} AND kind = 'end'
