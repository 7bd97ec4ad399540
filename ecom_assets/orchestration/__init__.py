"""Everything that knows Dagster: assets, partitions, checks, jobs, schedules, sensors, resources."""
