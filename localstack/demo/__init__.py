"""`make demo`: the main job of the mail proxy, on the real stack, counted from outside."""
