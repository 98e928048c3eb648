"""Every option, and what was given for it."""
