"""Messages to the job and its results."""
