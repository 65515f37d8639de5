"""Flink's own sliding windows over the same messages, written as in PyFlink's documentation.

The result of a window has those fields of the shipped job's record that the benchmark reads. `--how process`
keeps the points of each window, as a computation on them requires; `--how aggregate` keeps a running count.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from pyflink.common import Duration, Row, Time, Types
from pyflink.common.watermark_strategy import TimestampAssigner, WatermarkStrategy
from pyflink.datastream import (
    AggregateFunction,
    FlatMapFunction,
    ProcessWindowFunction,
    StreamExecutionEnvironment,
)
from pyflink.datastream.window import SlidingEventTimeWindows
from pyflink.table import DataTypes, Schema, StreamTableEnvironment, TableDescriptor


class Points(FlatMapFunction):  # type: ignore[misc]
    """Yields one row per point of a message."""

    def flat_map(self, value: Row) -> Iterable[Row]:
        message = json.loads(value[0])
        stream = message["stream_id"]
        for when, (x, y) in zip(message["timestamps"], message["points"], strict=True):
            yield Row(stream, when, x, y)


class EventTime(TimestampAssigner):  # type: ignore[misc]
    def extract_timestamp(self, value: Row, record_timestamp: int) -> int:
        return int(value[1])


class Count(AggregateFunction):  # type: ignore[misc]
    def create_accumulator(self) -> int:
        return 0

    def add(self, value: Row, accumulator: int) -> int:
        return accumulator + 1

    def get_result(self, accumulator: int) -> int:
        return accumulator

    def merge(self, first: int, second: int) -> int:
        return first + second


class Answer(ProcessWindowFunction):  # type: ignore[misc]
    """Yields the window's count, from its points or from the running count."""

    def process(self, key: str, context: Any, elements: Iterable[Any]) -> Iterable[Row]:
        contents = list(elements)
        count = contents[0] if isinstance(contents[0], int) else len(contents)
        stamp = datetime.fromtimestamp(time.time(), tz=timezone.utc).isoformat(timespec="milliseconds")
        window = {"num_points": count, "start": context.window().start}
        yield Row(json.dumps({"stream_id": key, "timestamp": stamp, "window": window}).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("kafka", "input", "output", "how"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    env = StreamExecutionEnvironment.get_execution_environment()
    tables = StreamTableEnvironment.create(env)
    schema = Schema.new_builder().column("value", DataTypes.BYTES()).build()
    client = {"properties.bootstrap.servers": args.kafka, "format": "raw"}
    start = {"topic": args.input, "scan.startup.mode": "earliest-offset", "properties.group.id": "own"}
    for name, more in (("messages", start), ("answers", {"topic": args.output})):
        descriptor = TableDescriptor.for_connector("kafka").schema(schema)
        for key, value in {**client, **more}.items():
            descriptor = descriptor.option(key, value)
        tables.create_temporary_table(name, descriptor.build())
    row = Types.ROW([Types.STRING(), Types.LONG(), Types.DOUBLE(), Types.DOUBLE()])
    clock = WatermarkStrategy.for_bounded_out_of_orderness(Duration.of_seconds(5))
    points = tables.to_data_stream(tables.from_path("messages")).flat_map(Points(), row)
    windows = (
        points.assign_timestamps_and_watermarks(clock.with_timestamp_assigner(EventTime()))
        .key_by(lambda value: value[0], Types.STRING())
        .window(SlidingEventTimeWindows.of(Time.seconds(10), Time.seconds(1)))
    )
    bytes_row = Types.ROW_NAMED(["value"], [Types.PRIMITIVE_ARRAY(Types.BYTE())])
    if args.how == "process":
        answers = windows.process(Answer(), bytes_row)
    else:
        answers = windows.aggregate(Count(), Answer(), Types.INT(), bytes_row)
    statements = tables.create_statement_set()
    statements.add_insert("answers", tables.from_data_stream(answers, schema))
    statements.attach_as_datastream()
    env.execute("own windows")


main()
