"""Writes the discovered shop as a YAML file, and edits one that exists."""
