"""The scheduler: wakes, each minute, every line that is due."""
