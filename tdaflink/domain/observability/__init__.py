"""Snapshots of a cluster, the dashboard's state, findings and sizing."""
