"""Makes the certificate with which a local relay encrypts: from an authority that nobody else trusts."""

import ssl
from datetime import datetime

import trustme


def local_certificate(authority: trustme.CA, *names: str, expires: datetime | None = None) -> ssl.SSLContext:
    """Return a server's context with a certificate for `names`, by default `127.0.0.1` and `localhost`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1", "localhost")), not_after=expires).configure_cert(context)
    return context
