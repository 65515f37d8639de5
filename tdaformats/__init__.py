"""What files and messages mean: one reader for each format, used by the command and shipped with the job.

Only the standard library is imported here; numpy and pyarrow where a file needs them.
"""
