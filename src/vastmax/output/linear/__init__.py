"""Products of hidden vectors with rows of words: all of them in tiles, some of them, one by one."""
