"""SMTP accounts: the relays that a tenant's mail goes through."""
