"""One run from slices to commit: ledger, rejected rows, stale writes, deletions and the report."""
