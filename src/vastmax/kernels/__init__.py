"""The compiled hot loops and their thin Python doors. Nothing else in vastmax is compiled."""
