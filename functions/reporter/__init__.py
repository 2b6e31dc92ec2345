"""The reporter: pushes events to the endpoint of the tenant that it was woken for."""
