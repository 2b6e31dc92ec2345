"""How much an account or a tenant may send in a time, and over how many connections at a time.

model.py        what can be configured
windows.py      the arithmetic of sliding windows and permits
connections.py  the arithmetic of connections shared between lanes
state.py        what is stored of both, in one item an account
budget.py       what a sender holds of it while it works a line
"""
