"""Random configurations of every kernel, for a build with sanitizers: `python -m tools.kernel_fuzz --help`."""
