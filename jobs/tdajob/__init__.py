"""The streaming TDA job that tdaflink ships; it runs on the cluster and imports nothing of the command."""
