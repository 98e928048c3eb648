"""A fleet monitor for Cloud Provider X."""

__version__ = "0.1.0"
