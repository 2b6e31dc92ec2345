"""Mails, from what a client submits to what becomes of them.

addresses.py     reading mail addresses
submission.py    what a client may send, and the rules it must keep
model.py         what is stored: the mail's state and its content
table.py         mails in DynamoDB
payloads.py      contents in DynamoDB, large ones in S3
slices.py        the work of a lane: mails in order, the claim on them
candidates.py    an entry of a call on its way to being a mail, and its answer
intake.py        accepting a call: stored and queued before the answer
resubmission.py  an id submitted again: repaired, replaced or refused
cancellation.py  taking a mail back
retrying.py      sending a failed mail again
suspension.py    holding mail back and letting it go: batches, tenants, the instance
set_aside.py     the slices of suspended batches
waiting.py       how much mail waits
"""
