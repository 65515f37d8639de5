"""A child process that can be killed: client and server."""
