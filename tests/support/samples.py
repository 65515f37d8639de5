"""A saved environment and a script of a job that several tests use."""

from __future__ import annotations

from tdaflink.domain.environments.environment import Endpoints, Environment

LOCAL = Environment(
    "local",
    "local",
    "process",
    Endpoints("http://127.0.0.1:8082", "127.0.0.1:9092", "127.0.0.1:9092"),
    "python",
)

IDLE = """\
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

env = StreamExecutionEnvironment.get_execution_environment()
tables = StreamTableEnvironment.create(env)
tables.execute_sql("CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10')")
tables.to_data_stream(tables.from_path("numbers")).map(lambda row: row[0]).print()
env.execute()
"""
