"""Calls that may be repeated: the answer of the first is kept, and given again."""
