"""The supervised local stack; the only importer of the bundled servers."""
