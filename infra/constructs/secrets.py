"""What must stay secret: the key that encrypts the tenants' credentials, and two generated secrets."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.acknowledged import acknowledge


class Secrets(Construct):
    """A KMS key for stored credentials, the admin token, and the key behind opaque Message-IDs.

    Each generated secret is a plain string of letters and digits.
    """

    def __init__(self, scope: Construct, construct_id: str, *, disposable: bool) -> None:
        super().__init__(scope, construct_id)
        removal_policy = cdk.RemovalPolicy.DESTROY if disposable else cdk.RemovalPolicy.RETAIN
        self.credentials_key = kms.Key(
            self,
            "CredentialsKey",
            description="Encrypts the relay and endpoint credentials of the tenants",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        self.admin_token = self._generated("AdminToken", "Bearer token of the administrator", removal_policy)
        self.instance_key = self._generated(
            "InstanceKey", "Keys the tokens inside the Message-IDs of this instance", removal_policy
        )

    def _generated(
        self, construct_id: str, description: str, removal_policy: cdk.RemovalPolicy
    ) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            construct_id,
            description=description,
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=48, exclude_punctuation=True),
            removal_policy=removal_policy,
        )
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "The administrator's clients must learn of a new token, so a person changes it (docs/keys.md); the key of "
            "the Message-IDs must stay, or mails that were sent could not be recognised",
        )
        return secret
