"""The command line: one file per command, which parses, calls and prints. Results go to stdout, progress to stderr."""
