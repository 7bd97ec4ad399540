"""Extract: the windows of a run are read as slices, page by page, into complete lists of records, through dlt."""
