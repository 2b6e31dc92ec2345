"""Files uploaded for attachments, past the API and its limit of 6 MB."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, status
from pydantic import BaseModel, ConfigDict, Field

from functions.api.auth import require_tenant
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.schema import TenantPath, Timestamp
from functions.api.services import Provided
from shared.attachments.uploads import MAX_UPLOAD_BYTES, Upload
from shared.clock import iso8601
from shared.json_values import WholeNumber

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/attachments",
    tags=["attachments"],
    route_class=GatedRoute,
    dependencies=[Depends(require_tenant)],
)

_EXAMPLES = {
    "pdf": {"summary": "A PDF of a known size", "value": {"content_type": "application/pdf", "size": 8_311_904}}
}


class UploadCall(BaseModel):
    """What is to be uploaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    content_type: Annotated[
        str,
        Field(
            max_length=255,
            pattern=r"^[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}$",
            description="No other can be uploaded. What the mail says is the attachment's `mime_type`.",
        ),
    ] = "application/octet-stream"
    size: Annotated[
        int | None,
        Field(
            ge=1, le=MAX_UPLOAD_BYTES, description="In bytes: no other can be uploaded. Left out: any up to the most."
        ),
        WholeNumber,
    ] = None


class UploadView(BaseModel):
    """How to upload: POST `fields` and then the bytes in the field `file`, as multipart/form-data, to `url`. S3 answers
    204."""

    id: str = Field(examples=["01JZX4C0R3M2V8Q9T6W5Y7K1AB"])
    storage_path: str = Field(
        description="Names the file in a message's attachment.", examples=["upload:01JZX4C0R3M2V8Q9T6W5Y7K1AB"]
    )
    url: str = Field(examples=["https://serverlessmailproxy-payloads.s3.eu-central-1.amazonaws.com/"])
    fields: dict[str, str] = Field(
        examples=[{"key": "UPLOAD#acme#01JZX4C0R3M2V8Q9T6W5Y7K1AB", "Content-Type": "application/pdf", "policy": "…"}]
    )
    max_bytes: int = Field(examples=[MAX_UPLOAD_BYTES])
    expires_at: Timestamp = Field(description="The upload must have begun by then.")
    kept_until: Timestamp = Field(description="The file can be sent until then.")

    @classmethod
    def of(cls, upload: Upload, call: UploadCall) -> "UploadView":
        """The upload as answered."""
        return cls(
            id=upload.id,
            storage_path=f"upload:{upload.id}",
            url=upload.form.url,
            fields=dict(upload.form.fields),
            max_bytes=call.size or MAX_UPLOAD_BYTES,
            expires_at=iso8601(upload.expires_at),
            kept_until=iso8601(upload.kept_until),
        )


@router.post(
    "",
    summary="Upload a file for attachments",
    status_code=status.HTTP_201_CREATED,
    response_description="How to upload it",
    responses=documented(404, 409, body=True),
)
def begin_upload(
    tenant_id: TenantPath,
    services: Provided,
    call: Annotated[UploadCall, Body(openapi_examples=_EXAMPLES)] = UploadCall(),  # noqa: B008 - frozen
) -> UploadView:
    """The file goes to S3 directly. Any number of messages may name it until `kept_until`; then it leaves by itself.

    The form is a secret: whoever has it can upload, again too, until `expires_at`. Send `Content-Type` among the
    fields, and `file` last.
    """
    services.tenants.get(tenant_id)
    return UploadView.of(services.uploads.begin(tenant_id, content_type=call.content_type, size=call.size), call)
