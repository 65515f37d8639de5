"""Windows of a stream: their points, their firings and their state, with numpy and without Flink."""
