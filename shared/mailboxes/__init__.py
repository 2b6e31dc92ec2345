"""Mailboxes that mail comes back to: bounces and complaints, receipts of certified mail."""
