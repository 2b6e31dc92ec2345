"""The bucket for payloads too large for a DynamoDB item, and for uploads that messages name."""

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.acknowledged import acknowledge

# A mail may be scheduled 30 days ahead, and its content is kept 35 days after it is due; nothing refers to
# an older object.
_EXPIRY = cdk.Duration.days(70)
# An upload is sent by then or never: a message that names it waits for 30 days at most, and is tried for 7.
_UPLOADS_EXPIRY = cdk.Duration.days(40)


class Payloads(Construct):
    """A private, encrypted bucket whose objects expire by themselves."""

    def __init__(self, scope: Construct, construct_id: str, *, disposable: bool) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(id="expire-uploads", prefix="UPLOAD#", expiration=_UPLOADS_EXPIRY),
                s3.LifecycleRule(
                    id="expire",
                    expiration=_EXPIRY,
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                ),
            ],
            removal_policy=cdk.RemovalPolicy.DESTROY if disposable else cdk.RemovalPolicy.RETAIN,
        )
        acknowledge(
            self.bucket,
            "AwsSolutions-S1",
            "Only the proxy's own functions reach it; whoever must know of each access has CloudTrail's data events",
        )
