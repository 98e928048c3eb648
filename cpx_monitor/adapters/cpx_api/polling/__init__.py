"""Polling every instance of a list: fast, bounded, and each in its own time."""
