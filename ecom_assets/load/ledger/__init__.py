"""What the ledger knows: which windows and cursors are loaded, and which records were rejected."""
