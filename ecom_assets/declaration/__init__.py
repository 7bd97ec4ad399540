"""Read a YAML file as a frozen, validated description of one shop. Import the models from `reading`."""
