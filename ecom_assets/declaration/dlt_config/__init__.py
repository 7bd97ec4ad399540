"""dlt's REST API configuration: every key of it, what happens to each, and dlt's other spellings of what we know."""
