"""The auth kinds that dlt has not, or not as APIs want them: how each signs a request."""
