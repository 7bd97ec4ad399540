"""Errors, JSON text, clocks and progress lines: what every other package may use."""
