"""A job that does nothing until it is cancelled, to measure its submission."""

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment


def main() -> None:
    env = StreamExecutionEnvironment.get_execution_environment()
    tables = StreamTableEnvironment.create(env)
    tables.execute_sql(
        "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1')"
    )
    tables.to_data_stream(tables.from_path("numbers")).map(lambda row: row[0]).print()
    env.execute("idle")


if __name__ == "__main__":
    main()
