"""The mails that are measured are what the budgets speak of."""

from benchmarks.mails import peer_submissions, submissions
from benchmarks.measurements.composing import composed_size


def test_a_mail_has_five_kilobytes_on_the_wire() -> None:
    assert abs(composed_size() - 5 * 1024) < 512


def test_no_mail_is_like_another() -> None:
    bodies = {str(message["text"]) + str(message["html"]) for message in submissions(50)}

    assert len(bodies) == 50


def test_the_peer_gets_at_least_as_many_bytes_of_text_as_this_proxy() -> None:
    [ours] = submissions(1)
    [theirs] = peer_submissions(1, tenant_id="acme", account_id="main", priority=2)

    assert len(str(theirs["body"])) >= len(str(ours["text"])) + len(str(ours["html"]))
