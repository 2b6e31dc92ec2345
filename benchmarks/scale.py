"""How much is measured. The full scale is what counts; the quick one shows within a minute or two that all works."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Counts of mails, and of repetitions, whose median is the result."""

    repetitions: int
    sender_mails: int
    composed_mails: int
    api_batches: int
    capacity_mails: int
    imports: int
    low_queued: int
    priority_samples: int
    peer_mails: int
    peer_repetitions: int
    peer_low_queued: int
    peer_priority_samples: int


FULL = Scale(
    repetitions=5,
    sender_mails=2_000,
    composed_mails=2_000,
    api_batches=20,
    capacity_mails=1_000,
    imports=15,
    low_queued=5_000,
    priority_samples=25,
    peer_mails=800,
    peer_repetitions=3,
    peer_low_queued=5_000,
    peer_priority_samples=3,
)
QUICK = Scale(
    repetitions=2,
    sender_mails=300,
    composed_mails=300,
    api_batches=3,
    capacity_mails=200,
    imports=3,
    low_queued=500,
    priority_samples=5,
    peer_mails=200,
    peer_repetitions=1,
    peer_low_queued=300,
    peer_priority_samples=1,
)
