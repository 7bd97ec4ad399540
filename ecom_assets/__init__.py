"""E-commerce APIs as trusted warehouse tables: Dagster assets over dlt's REST API source."""
