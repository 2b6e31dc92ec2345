"""The routes of the API, one module an entity, each with its own documents."""
