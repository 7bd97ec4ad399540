"""Everything that knows the terminal: the command `ecom-assets`."""
