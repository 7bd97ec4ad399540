"""What a resource says of its table: columns, privacy, the write disposition, deletions, processing."""
