"""MotherDuck as the warehouse. It was never run against the service: its tests use a DuckDB file in its place."""
