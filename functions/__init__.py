"""The Lambda functions, one folder each. Thin: they read an event, call `shared`, and shape the answer."""
