"""From a message to its output records, without Flink."""
