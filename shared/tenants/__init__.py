"""Tenants, and the keys their applications call with."""
