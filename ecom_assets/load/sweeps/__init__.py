"""What a sweep knows of its table: rows that are missing at the source, and records that are missing in the table."""
