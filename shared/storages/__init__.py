"""Named storages of a tenant: where its attachments lie, and how they are read."""
