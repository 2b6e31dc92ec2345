"""Synthesises the stack: `python -m infra.app`, directly or as the CDK CLI's app (cdk.json)."""

import json
import os
from pathlib import Path

import aws_cdk as cdk

from infra.bundle import PROJECT, Bundle, build
from infra.settings import StackSettings
from infra.stack import MailProxyStack

STACK_NAME = "ServerlessMailProxy"


def create_stack(app: cdk.App) -> MailProxyStack:
    """Adds the proxy's stack, configured by the app's context."""
    settings = StackSettings.from_context(app.node)
    return MailProxyStack(
        app,
        STACK_NAME,
        settings=settings,
        bundle=_bundle(settings),
        description="Serverless Mail Proxy: takes mail over HTTPS, delivers it through each tenant's relays",
    )


def _bundle(settings: StackSettings) -> Bundle:
    if settings.bundle_directory is None:
        return build(architecture=settings.architecture, for_host=settings.bundle_platform == "host")
    ready = Path(settings.bundle_directory)
    return Bundle(
        code=ready / "code",
        code_hash="0" * 64,
        dependencies=ready / "dependencies",
        dependencies_hash="1" * 64,
    )


def main() -> None:
    """Writes the cloud assembly to CDK_OUTDIR, or to cdk.out when run without the CLI."""
    # The CLI passes what cdk.json says by itself; without it, read it here.
    context = {} if "CDK_CONTEXT_JSON" in os.environ else _project_context()
    app = cdk.App(outdir=os.environ.get("CDK_OUTDIR", str(PROJECT / "cdk.out")), context=context)
    create_stack(app)
    app.synth()


def _project_context() -> dict[str, str]:
    context: dict[str, str] = json.loads((PROJECT / "cdk.json").read_text())["context"]
    return context


if __name__ == "__main__":
    main()
