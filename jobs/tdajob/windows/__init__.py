"""The windows of a stream: what has arrived, what fires when, what is kept; pure numpy, without Flink."""
