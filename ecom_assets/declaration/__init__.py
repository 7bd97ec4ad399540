"""A YAML file as a frozen, validated description of one shop."""
