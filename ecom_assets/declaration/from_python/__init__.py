"""Shops declared in Python: dlt's configuration as a dictionary, with its secrets, auth objects and paginators."""
