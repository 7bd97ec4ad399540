"""The write dispositions: how the staged rows of a load get into its tables, by SQL in its transaction.

* `merge`: the rows of the keys that were read replace those of the table, or all rows do.
* `append`: rows of events are added, and no load adds a row twice.
* `window_history` and `snapshot_history`: a table keeps each state of a row, from its start to its end.
* `write` chooses one of them for each table.
"""
