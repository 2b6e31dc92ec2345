"""Sending mail through a tenant's relay, and deciding what each reply means.

sender.py        the pipeline: its body lists the steps of a mail's way
standing.py      what the line's tenant, account and instance say
composer.py      a mail's content to the bytes on the wire
tokens.py        the opaque token that names a mail in its own headers
pool.py          sessions kept open
session.py       one session with a relay
transmission.py  one mail through one session
replies.py       a relay's reply, and what it is about
decisions.py     what becomes of a mail after a try
backoff.py       how long to wait
recorder.py      outcomes written in groups
"""
