// Skip-gram with negative sampling; compiled once for each instruction set.
