"""The HTTP API: FastAPI in a Lambda function behind API Gateway, or under any ASGI server.

handler.py       the Lambda entrance
app.py           puts the application together
services.py      what the routes work with, built once per process from the environment
gate.py          what every call passes before FastAPI reads it: token, content type, size, strict JSON
auth.py          who calls, and what they may reach
recording.py     what a call leaves in the audit log
redaction.py     what of a body may be kept there
problems.py      every error as a problem document (RFC 9457)
access_log.py    one log line a call, request ids, the last resort for unforeseen errors
measurements.py  CloudWatch metrics
cursors.py       opaque places in lists
schema.py        types of the API's own documents
openapi.py       the OpenAPI document
routes/          one module an entity
"""
