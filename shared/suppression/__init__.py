"""Addresses that a tenant's mail is not sent to."""
