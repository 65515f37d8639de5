"""The runtime on Docker Compose."""
