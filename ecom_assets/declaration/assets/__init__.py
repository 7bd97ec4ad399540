"""The key `dagster` of a shop and of a resource: how tables look and run as Dagster assets."""
