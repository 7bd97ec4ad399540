"""Slicing: how many windows one slice joins, what happens to a slice that fails, and why joining windows is safe."""
