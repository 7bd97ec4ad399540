"""The command line `ecom-assets`, one module a command."""
