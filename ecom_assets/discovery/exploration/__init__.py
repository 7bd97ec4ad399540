"""Sends requests to a live API to find out how its endpoints page, filter and count."""
