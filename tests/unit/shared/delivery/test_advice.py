"""What is advised for a session that could not be opened: the field, by the step and the words that were seen."""

import pytest

from shared.accounts.model import Account, TlsMode
from shared.accounts.oauth.settings import OAuth
from shared.delivery.advice import advise
from shared.delivery.replies import Scope, Stage
from shared.delivery.transmission import LineFault
from shared.delivery.witness import Step

PASSWORD = Account(
    tenant_id="acme", id="main", host="h", port=2525, tls=TlsMode.STARTTLS, username="u", version=1, created_at=0,
    updated_at=0,
)  # fmt: skip
OAUTH = PASSWORD.model_copy(
    update={
        "oauth": OAuth.model_validate(
            {"grant": "client_credentials", "token_url": "https://l.example/t", "client_id": "c"}
            | {"has_client_secret": True, "has_refresh_token": False, "has_private_key": False}
        )
    }
)


def fault(
    reason: str = "", *, scope: Scope = Scope.RELAY, code: int | None = None, error: str | None = None
) -> LineFault:
    return LineFault(scope, Stage.CONNECT, reason, code, error)


@pytest.mark.parametrize(
    ("account", "step", "seen", "pointer", "words"),
    [
        (PASSWORD, Step.RESOLVE, fault("not known"), "/host", "no address is known"),
        (PASSWORD, Step.RESOLVE, fault("leads to 10.0.0.1", scope=Scope.ACCOUNT), "/host", "public address"),
        (PASSWORD, Step.CONNECT, fault("refused"), "/port", "465"),
        (PASSWORD, Step.TLS, fault("[SSL: WRONG_VERSION_NUMBER]"), "/tls", "try 'starttls'"),
        (PASSWORD, Step.TLS, fault("certificate verify failed: certificate has expired"), "/host", "renew"),
        (PASSWORD, Step.STARTTLS, fault("certificate verify failed: self-signed"), "/ca_certificate", "PEM"),
        (PASSWORD, Step.STARTTLS, fault("Hostname mismatch, not valid for 'h'"), "/host", "holds for"),
        (PASSWORD, Step.STARTTLS, fault("extension not supported by server"), "/tls", "offers no STARTTLS"),
        (PASSWORD, Step.STARTTLS, fault("454 4.7.0 TLS not available", code=454), "", "try again later"),
        (PASSWORD, Step.GREETING, fault("timed out"), "/tls", "say 'tls'"),
        (PASSWORD, Step.GREETING, fault("554 5.7.1 no", code=554), "", "ask its operator"),
        (PASSWORD, Step.EHLO, fault("421 4.3.2 busy", code=421), "", "try again later"),
        (PASSWORD, Step.AUTH, fault("535 no", scope=Scope.ACCOUNT, code=535), "/password", "does not take them"),
        (PASSWORD, Step.AUTH, fault("421 busy", code=421), "", "try again later"),
        (PASSWORD, Step.AUTH, fault("no AUTH on an unencrypted connection", scope=Scope.ACCOUNT), "/tls", "starttls"),
        (PASSWORD, Step.AUTH, fault("it offers AUTH XOAUTH2", scope=Scope.ACCOUNT), "/password", "oauth"),
        (OAUTH, Step.AUTH, fault("it offers AUTH PLAIN", scope=Scope.ACCOUNT), "/oauth", "password"),
        (OAUTH, Step.AUTH, fault("535 5.7.3 no", scope=Scope.ACCOUNT, code=535), "/username", "mailbox"),
        (OAUTH, Step.TOKEN, fault(scope=Scope.ACCOUNT, error="invalid_grant"), "/oauth/refresh_token", "authorise"),
        (OAUTH, Step.TOKEN, fault(scope=Scope.ACCOUNT, error="invalid_client"), "/oauth/client_secret", "provider"),
        (OAUTH, Step.TOKEN, fault(scope=Scope.ACCOUNT, error="address_refused"), "/oauth/token_url", "public"),
        (OAUTH, Step.TOKEN, fault(scope=Scope.ACCOUNT, error="invalid_scope"), "/oauth", "provider"),
        (OAUTH, Step.TOKEN, fault(error="http_503"), "", "try again later"),
    ],
)
def test_the_field_and_what_to_do_follow_from_what_was_seen(
    account: Account, step: Step, seen: LineFault, pointer: str, words: str
) -> None:
    advice = advise(account, step, seen)
    assert advice.pointer == pointer
    assert words in advice.text
