"""A Dagster project with two shops."""
