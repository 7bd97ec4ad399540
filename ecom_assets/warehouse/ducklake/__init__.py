"""A DuckLake as the warehouse: Parquet files and a catalog."""
