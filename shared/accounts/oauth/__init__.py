"""OAuth 2.0 for SMTP accounts: how access tokens for AUTH XOAUTH2 are obtained, kept and shared."""
