"""From an API's address to a declaration: what its answers, and a description of it, tell of paging and columns.

Knows nothing of Dagster. The command line is `ecom_assets.cli.discover`.
"""
