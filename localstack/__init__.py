"""The whole system on one machine: local AWS, deployment of the real template, inbox, receiver, demo."""

from pathlib import Path

STATE_DIRECTORY = Path(__file__).parent.parent / ".local"
"""Logs, caches and the running session; never under version control."""

# What an emulator accepts; also keeps a developer's real credentials out of any call made from here.
REGION = "us-east-1"
ACCESS_KEY = "test"
SECRET_KEY = "test"
