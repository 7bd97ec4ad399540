"""The write dispositions that the load performs itself, with SQL, from the rows that dlt has staged.

dlt replaces snapshots, and merges rows by primary key where a cursor tells which row is newer. These modules do the
rest, in the transaction of the load:

* `append`: rows of events are added, and no load adds a row twice.
* `merge_by_load`: rows are upserted although no cursor tells which row is newer.
* `window_history` and `snapshot_history`: a table keeps each state of a row, from its start to its end.
* `write` chooses one of them for each table.
"""
