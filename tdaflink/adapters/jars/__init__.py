"""JARs: the cache, and the Maven repository that fills it."""
