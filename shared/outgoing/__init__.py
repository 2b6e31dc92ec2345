"""Connections that the proxy opens to where tenants tell it to: which addresses they may reach."""
