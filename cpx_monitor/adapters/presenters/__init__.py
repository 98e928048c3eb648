"""Reports in, text out; nothing here prints."""
