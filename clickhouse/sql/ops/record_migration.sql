-- Records that a migration was applied.
INSERT INTO ops.migrations (number, name, sha256) SELECT {number:UInt32}, {name:String}, {sha256:String}
