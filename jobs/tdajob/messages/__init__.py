"""Messages to the job, read strictly."""
