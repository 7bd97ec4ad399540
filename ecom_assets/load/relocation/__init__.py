"""Moves a shop's tables from one warehouse to another: what the command `ecom-assets copy` does.

* `copy`: copies all tables in one transaction of the target, and compares both sides before the commit.
* `stored_tables`: what the tables of a dataset look like, and which of them can be copied.
"""
