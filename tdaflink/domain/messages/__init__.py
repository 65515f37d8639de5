"""Messages of the job, their models, topics and schemas."""
