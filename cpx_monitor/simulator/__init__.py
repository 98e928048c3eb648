"""A CPX API to try things on; it shares no code with the client that it is there to test."""
