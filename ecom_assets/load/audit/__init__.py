"""The audit of a shop: closed windows are read again, and compared with what the tables hold."""
