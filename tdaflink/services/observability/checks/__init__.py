"""Health checks of an environment: one function per check, one module per part."""
