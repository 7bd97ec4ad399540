"""Reading page by page: the records of an answer, the way to the next page, and whether the list is complete."""
