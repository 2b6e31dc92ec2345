"""The logger and the metrics of every function: JSON lines with tenant and message ids, metrics in CloudWatch's EMF.

Never logged: secrets, mail bodies, addresses (those only at debug level).
"""

import warnings

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["NAMESPACE", "MetricUnit", "logger", "metrics"]

NAMESPACE = "ServerlessMailProxy"  # of all metrics, as the deployment sets it too

logger = Logger()
metrics = Metrics()

# An invocation that had nothing to count is no cause for a warning in its log.
warnings.filterwarnings("ignore", message="No application metrics to publish")
