"""The Dagster component of a shop: its attributes, their JSON Schema, and what `dg scaffold` writes."""
