"""The mail proxy itself. Knows nothing of Lambda events, FastAPI or CDK; `functions/` calls it."""
