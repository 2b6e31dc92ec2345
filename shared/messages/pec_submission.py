"""The rules of certified mail at submission, where the mail is not composed yet. Pure.

Apart from `pec_rules`, since the sender has no use for what reads submissions.
"""

from shared.accounts.model import Account
from shared.attachments.sources import FetchMode, decode_base64, infer_mode
from shared.messages.pec_rules import Breach, formal_breach, size_breach
from shared.messages.submission import Submission, SubmittedAttachment


def breach_at_submission(submission: Submission, account: Account) -> Breach | None:
    """The first rule broken, as far as it can be told yet: the mail will be no smaller than what is counted here."""
    if not account.is_pec_account:
        return None
    recipients = len(submission.envelope_recipients)
    return formal_breach(submission) or size_breach(_least_size(submission), recipients, account)


def _least_size(submission: Submission) -> int:
    texts = (each for each in (submission.text, submission.html) if each is not None)
    return sum(len(each.encode()) for each in texts) + sum(map(_encoded_size, submission.attachments))


def _encoded_size(attachment: SubmittedAttachment) -> int:
    """In base64 with line ends (RFC 2045 §6.8); 0 where the bytes are not here."""
    if infer_mode(attachment.storage_path, attachment.fetch_mode) is not FetchMode.BASE64:
        return 0
    encoded = -(-len(decode_base64(attachment.storage_path)) // 3) * 4
    return encoded + 2 * -(-encoded // 76)
