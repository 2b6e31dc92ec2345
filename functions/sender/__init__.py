"""The sender: one function a lane, the same code. Drains the line of the account that it was woken for."""
