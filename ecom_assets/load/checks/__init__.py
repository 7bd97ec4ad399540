"""The asset checks: of a table itself, and of the ledger and the rejected rows."""
