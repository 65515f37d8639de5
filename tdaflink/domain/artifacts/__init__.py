"""JARs, Python packages and images: versions, locks and platforms."""
