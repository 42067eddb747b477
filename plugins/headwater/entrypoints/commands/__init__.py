"""The subcommands of `headwater`, one module per topic."""
