"""Discovery: finds out how an API pages, filters and counts, and drafts its declaration with evidence.

Nothing here knows Dagster or the terminal. See `ecom_assets.cli.discover` for the command.
"""
