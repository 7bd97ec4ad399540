"""Requests to a live API that find out how its endpoints page, filter and count."""
