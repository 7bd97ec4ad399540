"""A DuckLake as the warehouse: Parquet files, and a catalog that makes a load one transaction."""
