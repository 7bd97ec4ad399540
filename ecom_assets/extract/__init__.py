"""Windows, slices and pages: complete lists of records, read through dlt."""
