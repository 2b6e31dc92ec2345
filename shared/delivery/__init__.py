"""Sending mail through a tenant's relay, and deciding what each reply means.

sender.py          a visit to an account's line: its body lists the steps
slice_run.py       one slice on its way: the steps of each mail
standing.py        what the line's tenant, account and instance say
standstill.py      whether they let anything be sent
jobs.py            a claimed slice as the mails still to be sent
suppressing.py     recipients who get no mail
envelopes.py       whom a mail goes to, by the rules of its account
composer.py        a mail's content to the bytes on the wire
tokens.py          the opaque token that names a mail in its own headers
pool.py            sessions kept open
opening.py         connecting, TLS, AUTH
authentication.py  how a session proves itself
session.py         one mail after the other through an open session
transmission.py    what came of a mail's transmission
replies.py         a relay's reply
classification.py  what a reply is about: relay, account, mail, recipient
providers.py       replies that providers use against their meaning
decisions.py       what becomes of a mail after a try
backoff.py         how long to wait
recorder.py        outcomes written in groups
health_watch.py    telling the tenant, once, that its relay cannot be used
"""
