"""The job config: fields, layers and what may be set in each."""
