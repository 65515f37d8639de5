"""Environments: endpoints, profiles, security and health checks."""
