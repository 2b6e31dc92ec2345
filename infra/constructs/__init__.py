"""One construct for each capability; the stack wires them and makes the grants."""
