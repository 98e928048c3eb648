"""One module for each command: what it does."""
