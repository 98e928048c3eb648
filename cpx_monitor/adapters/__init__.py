"""Where the monitor meets the world: CPX over HTTP, the clock, the text people read."""
