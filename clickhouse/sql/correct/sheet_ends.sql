-- One row per piece of the work sheet of {plan} that stands.
SELECT build AS piece FROM ops.{sheet:Identifier} WHERE plan = {plan:UInt64} AND action = 'end'
