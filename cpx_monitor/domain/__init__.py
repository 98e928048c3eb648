"""What a fleet is and when it is well: values and rules, no I/O and no clock."""
