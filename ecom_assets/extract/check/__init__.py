"""`ecom-assets check`: whether an API behaves as its declaration says, before anything is loaded."""
