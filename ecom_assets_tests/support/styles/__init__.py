"""Styles of APIs, each a short declaration of its paging, filter, auth and quirks, served by one server."""
