"""Readers of files and checks of messages, used by the command and shipped with the job.

Modules import only the standard library; numpy and pyarrow are imported where a file needs them.
"""
