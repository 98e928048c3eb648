"""Rounds kept in a file, and read from there."""
