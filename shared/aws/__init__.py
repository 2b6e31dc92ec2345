"""Adapters to AWS: the only package that imports boto3. Each turns AWS errors into those of `shared.errors`."""
