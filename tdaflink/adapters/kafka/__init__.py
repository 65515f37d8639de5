"""Kafka clients."""
