"""The publisher: brings report events to an EventBridge bus, where a deployment has one."""
