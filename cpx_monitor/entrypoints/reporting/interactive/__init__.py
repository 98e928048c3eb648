"""The screen that is worked with: keys, what they do, and what is drawn of it."""
