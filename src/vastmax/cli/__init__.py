"""The command line: one file a command, which parses, calls the library and prints. Results on stdout, progress on stderr."""
