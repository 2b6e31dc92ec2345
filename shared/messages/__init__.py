"""Mails, from what a client submits to what becomes of them.

addresses.py     reading mail addresses
submission.py    what a client may send, and the rules it must keep
model.py         what is stored: the mail's state and its content
table.py         mails in DynamoDB
payloads.py      contents in DynamoDB, large ones in S3
slices.py        the work of a lane: mails in order, the claim on them
intake.py        accepting a call: stored and queued before the answer
cancellation.py  taking a mail back
"""
