"""Reads an OpenAPI file: the endpoints, parameters, types and descriptions that it names."""
