"""The demo's mails: enough of each kind, and shaped as the API wants them."""

import base64
import json
from collections import Counter
from datetime import datetime

from localstack.demo.mails import (
    ACCOUNT_ID,
    SCHEDULED_AHEAD_SECONDS,
    Fate,
    Priority,
    by_priority,
    failing_mails,
    good_mails,
)

NOW = 1_700_000_000


def test_there_are_forty_good_mails_ten_a_priority_with_ids_of_their_own() -> None:
    mails = good_mails(NOW)

    assert Counter(mail.priority for mail in mails) == dict.fromkeys(Priority, 10)
    assert len({mail.id for mail in [*mails, *failing_mails()]}) == 44
    assert {mail.fate for mail in mails} == {Fate.DELIVERED}


def test_every_kind_occurs_in_each_priority_and_one_mail_is_scheduled() -> None:
    mails = good_mails(NOW)

    everyday = {mail.kind for mail in mails} - {"scheduled"}
    assert len(everyday) == 5
    assert all(everyday <= {mail.kind for mail in mails if mail.priority is priority} for priority in Priority)
    assert [mail.send_at for mail in mails if mail.send_at] == [NOW + SCHEDULED_AHEAD_SECONDS]


def test_each_way_to_fail_occurs() -> None:
    assert Counter(mail.fate for mail in failing_mails()) == {
        Fate.REFUSED_AT_SUBMISSION: 2,
        Fate.REFUSED_BY_RELAY: 1,
        Fate.DELIVERED_LATER: 1,
    }


def test_the_most_patient_are_submitted_first() -> None:
    assert list(by_priority(good_mails(NOW))) == [Priority.LOW, Priority.MEDIUM, Priority.HIGH, Priority.IMMEDIATE]


def test_a_submission_names_everything_that_the_mail_has_and_nothing_else() -> None:
    mails = {mail.kind: mail.submission() for mail in good_mails(NOW)}

    assert set(mails["plain text"]) == {"id", "account_id", "priority", "from", "to", "subject", "text", "headers"}
    assert mails["plain text"]["account_id"] == ACCOUNT_ID
    assert {"cc", "bcc"} < set(mails["several recipients, cc and bcc"])
    (attachment,) = json.loads(json.dumps(mails["base64 attachment"]))["attachments"]
    prefix, _, encoded = attachment["storage_path"].partition(":")
    assert prefix == "base64"
    assert base64.b64decode(encoded).startswith(b"%PDF")
    send_at = mails["scheduled"]["send_at"]
    assert isinstance(send_at, str)
    assert datetime.fromisoformat(send_at).timestamp() == NOW + SCHEDULED_AHEAD_SECONDS
