"""Tests of ecom_assets; they mirror its modules."""
