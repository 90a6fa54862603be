"""A system of a few lines: a small network learns a sine."""
