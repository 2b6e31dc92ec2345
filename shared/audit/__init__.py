"""The audit log: who changed what, when, and with what outcome.

Each call that may change something leaves one record, made by the API's gate. What the proxy changes by itself is
recorded by whoever does it, with one call, and `_record` among its grants (`infra/grants.py`):

    audit = AuditLog(registry, InstanceTable(registry), clock)
    audit.record(Entry(actor=Actor.proxy("reporter"), action="disable_push", tenant_id=tenant.id))
"""
