"""Receipts of Italian certified mail (PEC): DM 2 November 2005, RFC 6109."""
