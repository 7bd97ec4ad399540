"""Tests of `ecom_assets.load.relocation`."""
