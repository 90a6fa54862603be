"""What the command line would ask for."""

EVALUATE = ""
