"""What an answer of an API says besides its records: that it is ignored, that it is empty, or that something failed."""
