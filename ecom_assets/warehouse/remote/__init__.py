"""What the engines share that are services whose statements on tables commit by themselves."""
