"""The instance: settings that hold for every tenant unless a tenant says otherwise."""
