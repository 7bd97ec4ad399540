"""The commands that change tables, or say what would change."""
