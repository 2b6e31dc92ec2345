"""Reading mail that strangers wrote, within fixed bounds."""
