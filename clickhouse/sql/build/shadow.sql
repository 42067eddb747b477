-- An empty table like {table}, to be filled and exchanged with it.
CREATE TABLE IF NOT EXISTS {target:Identifier} AS {table:Identifier}
