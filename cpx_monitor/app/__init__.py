"""What the monitor does with a fleet, whatever it is fetched with or shown on."""
