"""Counts turned into tables: powers of the unigram law, alias tables, entropy, code lengths. No torch here."""
