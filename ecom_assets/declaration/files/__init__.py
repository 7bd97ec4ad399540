"""The YAML files of a declaration: strict reading, merging by `extends`, and no secrets in them."""
