"""Words, ids, counts, and token streams on disk."""
