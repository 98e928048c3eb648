"""The streams, the screen and the signals of the process."""
