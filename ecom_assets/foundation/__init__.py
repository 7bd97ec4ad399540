"""What every other package may use: errors, JSON text, time zones, progress lines, temporary folders."""
