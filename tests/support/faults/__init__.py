"""Faults of disks and clocks, and the traffic that is counted through them."""
