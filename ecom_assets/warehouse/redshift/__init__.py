"""Amazon Redshift as the warehouse. It was never run against the service: its tests use a PostgreSQL server."""
