"""The command line, one file a command. Each has `run(words)`."""
