"""What the parts of a shop must agree on, checked once all of them are read."""
