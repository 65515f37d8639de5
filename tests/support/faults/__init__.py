"""Faults of disks and clocks, and the traffic during them whose results are counted."""
