"""Figures as Prometheus reads them: its text format 0.0.4, by its own client library.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.status.figures import Figures

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_COUNTERS = {
    "sent": ("gmp_sent", "Messages that a relay took for at least one recipient"),
    "errors": ("gmp_errors", "Messages that ended in an error"),
    "deferred": ("gmp_deferred", "Tries that put a message off"),
    "rate_limited": ("gmp_rate_limited", "Times that a sending limit held a message back, or refused it"),
}
_PENDING = ("gmp_pending_messages", "Unsent messages; at least so many when there are more than can be counted")
_LABELS = ("tenant_id", "account_id")


def exposition(figures: Figures) -> bytes:
    """One series a counter and account, and one gauge."""
    from prometheus_client import generate_latest  # 60 ms, which only those pay who scrape

    return generate_latest(_Collector(figures))


class _Collector:
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator["Metric"]:
        """What the library's registries call."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for field, (name, documentation) in _COUNTERS.items():
            family = CounterMetricFamily(name, documentation, labels=_LABELS)
            for account, counts in self._figures.counts.items():
                family.add_metric(account, getattr(counts, field))
            yield family
        yield GaugeMetricFamily(*_PENDING, value=self._figures.pending.mails)
