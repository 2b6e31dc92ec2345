"""Attachments: where their bytes come from, and the bytes."""
