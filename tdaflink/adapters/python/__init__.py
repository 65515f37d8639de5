"""Python interpreters: of clusters, of virtual environments, and the fork server."""
