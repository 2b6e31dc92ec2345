"""An account's OAuth settings, as the API takes and shows them, and the secrets among them."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from shared.errors import InvalidInput
from shared.outgoing.credentials import Password
from shared.outgoing.urls import EndpointUrl

MAX_REFRESH_TOKEN_CHARACTERS: Final = 8_192  # Microsoft's have about 1,500
MAX_PRIVATE_KEY_CHARACTERS: Final = 16_384  # RSA with 4,096 bits takes 3,300
_MIN_RSA_BITS: Final = 2_048  # RFC 7518 §3.3


class Grant(StrEnum):
    """How the token endpoint is asked: RFC 6749 §6, RFC 6749 §4.4, RFC 7523 §2.1."""

    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a grant
    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "jwt_bearer"


SECRETS: Final = ("client_secret", "refresh_token", "private_key")
NEEDED_SECRET: Final = {
    Grant.REFRESH_TOKEN: "refresh_token",
    Grant.CLIENT_CREDENTIALS: "client_secret",
    Grant.JWT_BEARER: "private_key",
}
_USABLE: Final = {  # besides grant, token_url, client_id and scope
    Grant.REFRESH_TOKEN: {"client_secret", "refresh_token"},
    Grant.CLIENT_CREDENTIALS: {"client_secret"},
    Grant.JWT_BEARER: {"private_key", "key_id", "subject", "audience"},
}
_NOT_FOR_ALL: Final = {name for names in _USABLE.values() for name in names}


def _visible(secret: SecretStr) -> SecretStr:
    """RFC 6749 appendix A.17."""
    if not all(" " <= character <= "~" for character in secret.get_secret_value()):
        raise PydanticCustomError("invalid_token", "only visible ASCII characters and spaces")
    return secret


def _rsa_key(secret: SecretStr) -> SecretStr:
    # Loaded for the API only, and only when an account has a key.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(secret.get_secret_value().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it wants a passphrase
        raise PydanticCustomError("invalid_private_key", "expected a private key in PEM, without passphrase") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < _MIN_RSA_BITS:
        raise PydanticCustomError("invalid_private_key", "expected an RSA key of 2,048 bits or more: it signs RS256")
    return secret


_Name = Annotated[str, Field(min_length=1, max_length=320, pattern=r"^[!-~]+$")]
_Scope = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$")]
_RefreshToken = Annotated[
    SecretStr, Field(min_length=1, max_length=MAX_REFRESH_TOKEN_CHARACTERS), AfterValidator(_visible)
]
_PrivateKey = Annotated[SecretStr, Field(min_length=1, max_length=MAX_PRIVATE_KEY_CHARACTERS), AfterValidator(_rsa_key)]
_SEALED = "Kept under KMS, never shown again."


class OAuthSettings(BaseModel):
    """How the account's access tokens are obtained. Omitted secrets are kept if there are any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grant: Grant
    token_url: Annotated[EndpointUrl, Field(examples=["https://oauth2.googleapis.com/token"])]
    client_id: Annotated[_Name, Field(description="With jwt_bearer: the service account's address (`client_email`).")]
    scope: Annotated[_Scope | None, Field(examples=["https://mail.google.com/"])] = None
    client_secret: Annotated[Password | None, Field(description=_SEALED)] = None
    refresh_token: Annotated[_RefreshToken | None, Field(description=_SEALED)] = None
    private_key: Annotated[_PrivateKey | None, Field(description=f"RSA, PEM. {_SEALED}")] = None
    key_id: Annotated[_Name | None, Field(description="`kid` of the assertion.")] = None
    subject: Annotated[_Name | None, Field(description="Who is acted for. Left out: the account's username.")] = None
    audience: Annotated[_Name | None, Field(description="Left out: token_url.")] = None

    @model_validator(mode="after")
    def _fits_the_grant(self) -> Self:
        for name in sorted(_NOT_FOR_ALL - _USABLE[self.grant]):
            if getattr(self, name) is not None:
                raise PydanticCustomError(
                    "unusable_field",
                    "the grant {grant} has no use for {name}",
                    {"grant": self.grant.value, "name": name},
                )
        if self.grant is Grant.JWT_BEARER and self.scope is None:
            raise PydanticCustomError("missing_field", "the grant jwt_bearer needs scope")
        return self


class OAuth(BaseModel):
    """The settings as stored and shown: the secrets lie elsewhere, sealed."""

    model_config = ConfigDict(frozen=True)

    grant: Grant
    token_url: str
    client_id: str
    scope: str | None = None
    key_id: str | None = None
    subject: str | None = None
    audience: str | None = None
    has_client_secret: bool = False
    has_refresh_token: bool = False
    has_private_key: bool = False


class OAuthSecrets(BaseModel):
    """In the clear, so never logged or kept beyond the process."""

    model_config = ConfigDict(frozen=True)

    client_secret: Annotated[str | None, Field(repr=False)] = None
    refresh_token: Annotated[str | None, Field(repr=False)] = None
    private_key: Annotated[str | None, Field(repr=False)] = None

    @classmethod
    def given_in(cls, settings: OAuthSettings) -> Self:
        """Those that `settings` brings."""
        given = {name: getattr(settings, name) for name in SECRETS}
        return cls(**{name: secret.get_secret_value() for name, secret in given.items() if secret is not None})

    def held(self) -> Iterator[str]:
        """The names of those that are there."""
        return (name for name in SECRETS if getattr(self, name) is not None)

    def usable_for(self, grant: Grant) -> Self:
        """Without those that the grant has no use for."""
        return self.model_copy(update=dict.fromkeys(set(SECRETS) - _USABLE[grant]))

    def over(self, kept: Self) -> Self:
        """These, and from `kept` what is missing."""
        return kept.model_copy(update={name: getattr(self, name) for name in self.held()})


def stored(settings: OAuthSettings, secrets: OAuthSecrets) -> OAuth:
    """What is stored beside the sealed secrets."""
    shown = settings.model_dump(include=set(OAuth.model_fields))
    return OAuth.model_validate(shown | {f"has_{name}": True for name in secrets.held()})


def complete_secrets(settings: OAuthSettings, kept: OAuthSecrets, *, may_keep: bool) -> OAuthSecrets:
    """Those that `settings` brings, and of `kept` those that it leaves out. Raises InvalidInput that names the missing.

    `may_keep` is false when they would go elsewhere than before: else whoever may edit an account could send secrets
    that they cannot read to an endpoint of theirs.
    """
    given = OAuthSecrets.given_in(settings)
    kept = kept.usable_for(settings.grant)
    needed = NEEDED_SECRET[settings.grant]
    for name in kept.held():
        if not may_keep and name not in given.held():
            detail = f"a new host, username, token_url, client_id or subject needs {name} again"
            raise InvalidInput(detail, code="missing_field", pointer=f"/oauth/{name}")
    secrets = given.over(kept)
    if needed not in secrets.held():
        detail = f"the grant {settings.grant} needs {needed}"
        raise InvalidInput(detail, code="missing_field", pointer=f"/oauth/{needed}")
    return secrets
