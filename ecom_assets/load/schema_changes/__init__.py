"""What a declaration and the tables in the warehouse disagree on, and how a load settles it.

* `change`: the changes of one table, and the error of a resource whose table cannot be changed.
* `compare`: finds the changes, from the columns that the table has.
* `primary_key`: whether stored rows can have another primary key.
* `conversion`: whether stored values fit another type, by the rules of the contract.
* `tables`: the changes of all tables of a run, and the errors of those that are refused.
* `foreign_tables`: tables that no load of the shop made. They are refused.
* `protection`: columns that got a `pii` or another time zone after they were loaded; `personal_data` protects them.
* `diff`, `migrate` and `reset`: what the commands of these names do.
* `stored_schema`: dlt's schema and the ledger after a change that is no load.
* `apply`: makes the changes in the transaction of the load.
"""
