"""Reads mailboxes that mail comes back to."""
