"""Reporting what became of each mail: events, the outbox they wait in, and the push to the tenant's endpoint."""
