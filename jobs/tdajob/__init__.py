"""The streaming TDA job that tdaflink submits; it runs on the cluster and imports nothing of the command."""
