"""The exporter: a fleet for Prometheus, and for a browser."""
