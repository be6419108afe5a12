"""The compiled hot loops and their thin Python interfaces. Nothing else in vastmax is compiled."""
