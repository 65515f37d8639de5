"""Models of the messages in Kafka topics, from which the shipped JSON Schemas are generated."""
