"""The dataflow: Kafka sources → Python operators → one Kafka sink, with SQL tables at both ends.

SQL tables are used because only they pass a message's topic, partition, offset and exact bytes to Python,
accept a message without a value, and write a separate key with each record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from py4j.java_gateway import JavaClass
from pyflink.common import Types
from pyflink.datastream import DataStream, KeyedProcessFunction, KeyedStream, StreamExecutionEnvironment
from pyflink.datastream.data_stream import _get_one_input_stream_operator
from pyflink.fn_execution.flink_fn_execution_pb2 import UserDefinedDataStreamFunction
from pyflink.java_gateway import get_gateway
from pyflink.table import DataTypes, Schema, StreamTableEnvironment, Table, TableDescriptor

from tdajob.flink import operator_uids
from tdajob.flink.expected_latency import expectations
from tdajob.flink.kafka_options import sink_options, source_options
from tdajob.flink.operators import HEAVY, AnswerHeavy, AnswerMessages, AnswerStreams, ReadStreamMessages
from tdajob.limits import MAX_PARALLELISM
from tdajob.settings.job import Input, Kafka, Settings

ANSWERS_TABLE = "answers"
_PYFLINK_KEYED_OPERATOR = (
    "org.apache.flink.streaming.api.operators.python.process.ExternalPythonKeyedProcessOperator"
)
_SHADED_PREFIX = "org/apache/flink/kafka/shaded/"
_MIN_LANES = 8

# A row without a message: it makes every compute subtask start its Python worker, and report its metrics,
# before the first message arrives.
_HEARTBEAT_QUERY = (
    "SELECT CAST(NULL AS BYTES) AS `value`, CAST(NULL AS STRING) AS `topic`,"
    " CAST(NULL AS INT) AS `partition`, `beat` AS `offset`,"
    " CAST(NULL AS BIGINT) AS `timestamp` FROM heartbeat"
)

# The record's timestamp in epoch milliseconds, since PyFlink's threads cannot convert timestamp objects.
# EXTRACT uses the time zone of the table environment, which is UTC.
_MESSAGE_COLUMNS = (
    "`value`, `topic`, `partition`, `offset`,"
    " EXTRACT(EPOCH FROM `timestamp`) * 1000 + EXTRACT(MILLISECOND FROM `timestamp`) AS `timestamp`"
)


def build(env: StreamExecutionEnvironment, settings: Settings) -> None:
    """Add the whole dataflow to `env`."""
    env.set_parallelism(settings.parallelism)
    tables = StreamTableEnvironment.create(env)
    tables.get_config().set_local_timezone("UTC")
    client = _client_options(settings.kafka)
    threads = tables.get_config().get("python.execution-mode", "process") == "thread"
    expected = expectations(settings, env.get_checkpoint_config().get_checkpoint_interval())
    beats = _heartbeat(tables)
    messages = [_messages(tables, source, settings, client) for source in settings.inputs]
    unwindowed = [
        stream for source, stream in zip(settings.inputs, messages, strict=True) if source.window is None
    ]
    outputs = []
    if unwindowed:
        incoming = beats.union(*(stream.rebalance() for stream in unwindowed))
        outputs += _process_requests(incoming, settings, expected, threads=threads)
    if len(unwindowed) < len(messages):
        function = AnswerStreams(settings, expected, threads=threads)
        outputs.append(_process_streams(beats, messages, settings, function))
    if threads:
        # Python computes in Flink's task thread then; the sink, which compresses, gets another one.
        outputs = [output.disable_chaining() for output in outputs]
    _publish(env, tables, outputs[0].union(*outputs[1:]), settings, client)


def _process_requests(
    incoming: DataStream, settings: Settings, expected: Mapping[str, int], *, threads: bool
) -> list[DataStream]:
    """Process light requests, distributed evenly over the subtasks, and heavy ones, keyed by lane."""
    lanes = _spread(_keys_of_subtasks("lane", _lane_count(settings.parallelism)))
    light = incoming.process(AnswerMessages(settings, expected, lanes), _row())
    light = light.name(operator_uids.COMPUTE).uid(operator_uids.COMPUTE)
    # PyFlink's own `get_side_output` adds a Python operator without a uid.
    side_output = DataStream(light._j_data_stream.getSideOutput(HEAVY.get_java_output_tag()))
    heavy = _apply(_by_key(side_output), AnswerHeavy(settings, threads=threads))
    return [light, heavy.name(operator_uids.HEAVY).uid(operator_uids.HEAVY)]


def _lane_count(parallelism: int) -> int:
    """Return a power of 2, so that lanes are (nearly) equally distributed after a rescaling, too."""
    return max(_MIN_LANES, 1 << (parallelism - 1).bit_length())


def _process_streams(
    beats: DataStream, messages: Sequence[DataStream], settings: Settings, function: AnswerStreams
) -> DataStream:
    """Process messages by stream. No shuffle separates a source and its reader: the order must be kept."""
    keys = _keys_of_subtasks("heartbeat", settings.parallelism)
    keyed_row = Types.ROW([Types.STRING(), _bytes()])
    read = []
    for number, (source, stream) in enumerate(zip(settings.inputs, messages, strict=True)):
        if source.window is not None:
            reader = ReadStreamMessages(settings, number, keys)
            uid = operator_uids.READERS[source.route]
            keyed = stream.union(beats).flat_map(reader, keyed_row).name(uid).uid(uid)
            read.append(keyed.set_parallelism(source.source_parallelism))
    streams = _apply(_by_key(read[0].union(*read[1:])), function)
    return streams.name(operator_uids.STREAMS).uid(operator_uids.STREAMS)


def _by_key(read: DataStream) -> KeyedStream:
    """Key rows (key, content) by their key. PyFlink's own `key_by` adds a Python operator without a uid."""
    selector = get_gateway().jvm.KeyByKeySelector()
    key_type = Types.ROW([Types.STRING()]).get_java_type_info()
    return KeyedStream(read._j_data_stream.keyBy(selector, key_type), _bytes().get_java_type_info(), read)


def _apply(stream: KeyedStream, function: KeyedProcessFunction) -> DataStream:
    """Return `stream.process(function)` with an operator whose checkpoints contain all timers.

    In a checkpoint of PyFlink's own operator the timers of the last bundle are missing. PyFlink's operator is
    used where tdaflink's JAR is not in Flink's lib folder, or Python runs in threads.
    """
    kind = UserDefinedDataStreamFunction.KEYED_PROCESS
    operator, output = _get_one_input_stream_operator(stream, function, kind, _row())
    ours = get_gateway().jvm.tdaflink.beam.KeyedOperator
    if isinstance(ours, JavaClass) and operator.getClass().getName() == _PYFLINK_KEYED_OPERATOR:
        operator = ours.of(operator)
    return DataStream(stream._j_data_stream.transform("KEYED PROCESS", output, operator))


def _keys_of_subtasks(stem: str, parallelism: int) -> list[str]:
    """Return one key for each subtask, in the order of the subtasks, by Flink's key groups."""
    jvm = get_gateway().jvm
    assignment = jvm.org.apache.flink.runtime.state.KeyGroupRangeAssignment
    selector, keys = jvm.KeyByKeySelector(), dict[int, str]()
    for number in count():
        row = jvm.org.apache.flink.types.Row(2)
        row.setField(0, f"{stem}/{number}")
        subtask = assignment.assignKeyToParallelOperator(selector.getKey(row), MAX_PARALLELISM, parallelism)
        keys.setdefault(subtask, f"{stem}/{number}")
        if len(keys) == parallelism:
            return [keys[subtask] for subtask in range(parallelism)]
    raise AssertionError("count() does not end")


def _spread(lanes: Sequence[str]) -> list[str]:
    """Order the lanes by the reversed bits of their index: a few consecutive ones are in many subtasks."""
    bits = (len(lanes) - 1).bit_length()
    return [lanes[int(f"{index:0{bits}b}"[::-1], 2)] for index in range(len(lanes))]


def _messages(
    tables: StreamTableEnvironment, source: Input, settings: Settings, client: Mapping[str, str]
) -> DataStream:
    schema = (
        Schema.new_builder()
        .column("value", DataTypes.BYTES())
        .column_by_metadata("topic", DataTypes.STRING(), is_virtual=True)
        .column_by_metadata("partition", DataTypes.INT(), is_virtual=True)
        .column_by_metadata("offset", DataTypes.BIGINT(), is_virtual=True)
        .column_by_metadata("timestamp", DataTypes.TIMESTAMP_LTZ(3), is_virtual=True)
        .build()
    )
    options = source_options(source, settings.kafka, client)
    _create(tables, source.route, "kafka", schema, options)
    table = tables.sql_query(f"SELECT {_MESSAGE_COLUMNS} FROM {source.route}")  # noqa: S608 - a fixed name
    return _stream(tables, table, source.source_parallelism, operator_uids.ROUTES[source.route])


def _heartbeat(tables: StreamTableEnvironment) -> DataStream:
    """Return a stream of one row per second that is broadcast to every compute subtask."""
    schema = Schema.new_builder().column("beat", DataTypes.BIGINT()).build()
    _create(tables, "heartbeat", "datagen", schema, {"rows-per-second": "1", "scan.parallelism": "1"})
    return _stream(tables, tables.sql_query(_HEARTBEAT_QUERY), 1, operator_uids.HEARTBEAT).broadcast()


def _stream(
    tables: StreamTableEnvironment, table: Table, parallelism: int, names: Mapping[str, str]
) -> DataStream:
    stream = tables.to_data_stream(table)
    # The planner's operators get the parallelism of the source: otherwise Flink would add a shuffle.
    operator_uids.settle([stream._j_data_stream.getTransformation()], names, parallelism)
    return stream


def _publish(
    env: StreamExecutionEnvironment,
    tables: StreamTableEnvironment,
    answers: DataStream,
    settings: Settings,
    client: Mapping[str, str],
) -> None:
    topics = sorted(
        {
            settings.errors_topic,
            settings.stream.events_topic,
            *(source.output_topic for source in settings.inputs),
        }
    )
    schema = (
        Schema.new_builder()
        .column_by_metadata("to", DataTypes.STRING().not_null(), "topic")
        .column("key", DataTypes.BYTES())
        .column("value", DataTypes.BYTES())
        .build()
    )
    options = {
        **client,
        **sink_options(settings.kafka, settings.limits),
        "topic": ";".join(topics),
        "key.format": "raw",
        "key.fields": "key",
        "value.format": "raw",
        "value.fields-include": "EXCEPT_KEY",
    }
    _create(tables, ANSWERS_TABLE, "kafka", schema, options)
    columns = (
        Schema.new_builder()
        .column("topic", DataTypes.STRING().not_null())
        .column("key", DataTypes.BYTES())
        .column("value", DataTypes.BYTES())
        .build()
    )
    statements = tables.create_statement_set()
    statements.add_insert(ANSWERS_TABLE, tables.from_data_stream(answers, columns))
    statements.attach_as_datastream()
    ends = list(env._j_stream_execution_environment.getTransformations())
    operator_uids.settle(ends, operator_uids.ANSWERS, settings.parallelism)


def _create(
    tables: StreamTableEnvironment, name: str, connector: str, schema: Schema, options: Mapping[str, str]
) -> None:
    descriptor = TableDescriptor.for_connector(connector).schema(schema)
    for key, value in options.items():
        descriptor = descriptor.option(key, value)
    tables.create_temporary_table(name, descriptor.build())


def _client_options(kafka: Kafka) -> dict[str, str]:
    properties = {
        **kafka.resolved_properties(_package_prefix()),
        "bootstrap.servers": kafka.bootstrap_servers,
    }
    return {f"properties.{name}": value for name, value in properties.items()}


def _package_prefix() -> str:
    """Return the prefix of Kafka's packages in the connector: the shaded JAR has relocated them."""
    loader = get_gateway().jvm.Thread.currentThread().getContextClassLoader()
    module = f"{_SHADED_PREFIX}org/apache/kafka/common/security/plain/PlainLoginModule.class"
    return _SHADED_PREFIX.replace("/", ".") if loader.getResource(module) is not None else ""


def _row() -> Any:
    return Types.ROW_NAMED(["topic", "key", "value"], [Types.STRING(), _bytes(), _bytes()])


def _bytes() -> Any:
    return Types.PRIMITIVE_ARRAY(Types.BYTE())
