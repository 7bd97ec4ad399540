"""Finds out how an endpoint splits its list into pages, and how long a page may be."""
