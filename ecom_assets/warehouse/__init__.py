"""Where tables are kept: the interface, the lock, the choice, and one sub-package an engine."""
