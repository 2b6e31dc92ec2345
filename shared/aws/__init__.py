"""Adapters to AWS: the only package that knows its services. Each turns AWS errors into those of `shared.errors`."""
