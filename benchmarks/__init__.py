"""Measures what a mail costs, here and in the peer, against the same relay: `make bench` and `make soak`.

measurements/  one module for each thing measured
bench.py       what all measurements share; scale.py how much is measured; mails.py the mails
worker.py      a function's execution environment: a child process that runs a real handler and counts its CPU
lanes.py       Lambda's polling of the queues, so that several functions work at a time
local_aws.py   the deployed template on the local AWS, its queues left to `lanes`
proxy.py       a tenant of the proxy, through the API's real handler
peer.py        genro-mail-proxy, in its own environment
sink.py        smtp-sink, a relay that costs nothing; relay.py, one with latency that tells when it took a mail
results.py     budgets, and the numbers as table and JSON
"""
