"""What the token endpoint is asked for each grant: pure, time comes in.

RFC 6749 §4.4 and §6 with the client's secret in the form (§2.3.1, what Microsoft documents), RFC 7523 for assertions
(https://developers.google.com/identity/protocols/oauth2/service-account#httprest).
"""

import base64
import json
from typing import Final

from shared.accounts.oauth.settings import Grant, OAuth, OAuthSecrets
from shared.clock import MINUTE, SECOND, Millis

_ASSERTION_LIFETIME: Final[Millis] = 10 * MINUTE  # Google takes an hour at most


def token_request(
    oauth: OAuth, secrets: OAuthSecrets, *, refresh_token: str | None, username: str, now: Millis
) -> dict[str, str]:
    """The form to post. `refresh_token` is the newest one known, which may not be the one in `secrets`."""
    form: dict[str, str | None]
    match oauth.grant:
        case Grant.REFRESH_TOKEN:
            form = _client(oauth, secrets) | {"grant_type": "refresh_token", "refresh_token": refresh_token}
        case Grant.CLIENT_CREDENTIALS:
            form = _client(oauth, secrets) | {"grant_type": "client_credentials"}
        case Grant.JWT_BEARER:
            assertion = signed_assertion(oauth, secrets.private_key or "", username=username, now=now)
            form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    return {name: value for name, value in form.items() if value is not None}


def _client(oauth: OAuth, secrets: OAuthSecrets) -> dict[str, str | None]:
    return {"scope": oauth.scope, "client_id": oauth.client_id, "client_secret": secrets.client_secret}


def signed_assertion(oauth: OAuth, private_key: str, *, username: str, now: Millis) -> str:
    """A JWT signed with RS256 (RFC 7515 §3.1, RFC 7518 §3.3). Raises ValueError when the key cannot be read."""
    # A tenth of a second to load, needed once an hour and only where a service account is used.
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(private_key.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    header = {"alg": "RS256", "typ": "JWT"} | ({"kid": oauth.key_id} if oauth.key_id else {})
    claims = {
        "iss": oauth.client_id,
        "sub": oauth.subject or username,
        "scope": oauth.scope,
        "aud": oauth.audience or oauth.token_url,
        "iat": now // SECOND,
        "exp": (now + _ASSERTION_LIFETIME) // SECOND,
    }
    signed = f"{_part(header)}.{_part(claims)}"
    return f"{signed}.{_base64url(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _part(fields: object) -> str:
    return _base64url(json.dumps(fields, separators=(",", ":")).encode())


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
