"""The trial of a warehouse: does it keep the promises about loads? `ecom-assets warehouse-test` runs it."""
