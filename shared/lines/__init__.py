"""The line: an ordered list of work of one owner, worked by one worker at a time.

The work is a DynamoDB partition in order of due time. The head, one small item, says when to look at it next; the
wake-up, an SQS FIFO message in the owner's group, makes a worker look now. Kinds of work that share this one mechanism:
an account's slices in each lane, and a tenant's unreported events.

line.py        names and keys
head.py        the head: announce work, record a wake-up, visit, settle, block
wakeups.py     the SQS side
lines.py       what those who add work call: announce, then write the work, then wake
attendance.py  what a worker does with a wake-up, whatever the work is
rounds.py      what the scheduler does each minute: wakes lines
chores.py      and works lines that have no other worker
resumption.py  one of them: opening lines after a pause
"""
