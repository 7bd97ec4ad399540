"""Databricks as the warehouse. It was never run against the service: its tests use a stand-in for the driver."""
