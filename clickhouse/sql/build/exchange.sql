-- Puts the filled shadow in the place of the table, at once.
EXCHANGE TABLES {target:Identifier} AND {table:Identifier}
