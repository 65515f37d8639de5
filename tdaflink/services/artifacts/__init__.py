"""JARs and Python packages: listing, locks, bills of materials."""
