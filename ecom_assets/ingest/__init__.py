"""From a declaration to loaded tables, with dlt and Arrow. Never imports dagster."""
