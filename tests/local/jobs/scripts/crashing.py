"""A job that fails repeatedly while it reads and writes keyed state on RocksDB."""

import time

from pyflink.common import Configuration, Types
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.functions import KeyedProcessFunction, MapFunction
from pyflink.datastream.state import MapStateDescriptor
from pyflink.table import StreamTableEnvironment

SETTINGS = {
    "state.backend.type": "rocksdb",
    # Without the worker's caches, each access to state is a request to the TaskManager.
    "python.state.cache-size": "1",
    "python.map-state.read-cache-size": "1",
    "python.map-state.write-cache-size": "1",
    "python.fn-execution.bundle.size": "200",
    "python.fn-execution.bundle.time": "200",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "100000",
    "restart-strategy.fixed-delay.delay": "100ms",
}


class Crash(MapFunction):
    def open(self, runtime_context):  # noqa: ARG002 - Flink's name
        self.begun = time.monotonic()

    def map(self, value):
        if time.monotonic() - self.begun > 1.0 and value % 7 == 0:
            raise RuntimeError("crash on purpose")
        return value % 50, value


class Busy(KeyedProcessFunction):
    def open(self, runtime_context):
        self.seen = runtime_context.get_map_state(
            MapStateDescriptor("seen", Types.LONG(), Types.PICKLED_BYTE_ARRAY())
        )

    def process_element(self, value, ctx):  # noqa: ARG002 - Flink's name
        for step in range(20):
            key = (value[1] * 31 + step) % 5000
            self.seen.put(key, (self.seen.get(key) or b"")[:100] + b"x" * 50)
        if value[1] % 100 == 0:
            yield sum(1 for _ in self.seen)


def main():
    configuration = Configuration()
    for name, value in SETTINGS.items():
        configuration.set_string(name, value)
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    env.set_parallelism(1)
    tables = StreamTableEnvironment.create(env)
    tables.execute_sql("CREATE TABLE n (n BIGINT) WITH ('connector'='datagen','rows-per-second'='3000')")
    numbers = tables.to_data_stream(tables.from_path("n")).map(lambda row: abs(row[0]) % 10**6, Types.LONG())
    pairs = numbers.map(Crash(), Types.TUPLE([Types.LONG(), Types.LONG()]))
    pairs.key_by(lambda pair: pair[0], Types.LONG()).process(Busy(), Types.LONG()).print()
    env.execute("crashing")


main()
