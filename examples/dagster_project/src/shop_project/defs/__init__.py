"""The components of the project, one folder each."""
