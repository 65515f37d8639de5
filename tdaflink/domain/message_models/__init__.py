"""What lies in the topics, as models: the source of the JSON Schemas that are shipped."""
