"""A fleet behind CPX's HTTP API."""
