"""What waits, what keeps it waiting and what was sent, for those who run the proxy and for its tenants. Only reads."""
