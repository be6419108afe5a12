"""Products of hidden vectors with rows of words: all rows in tiles, or some of them."""
