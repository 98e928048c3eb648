"""From a fleet to what is printed, once or round after round."""
