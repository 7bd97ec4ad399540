"""What an OpenAPI file says of an API."""
