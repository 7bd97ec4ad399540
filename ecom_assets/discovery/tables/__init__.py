"""Tables drafted from records: columns, types, keys and names."""
