"""The discovered shop as the text of a YAML file."""
