"""The dataflow: Kafka sources → Python operators → one Kafka sink, with SQL tables at both ends.

SQL tables, because only they hand a message's topic, partition, offset and exact bytes to Python, bear a
message without a value, and write a key of its own with each record.
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

from tdajob import uids
from tdajob.expectations import expectations
from tdajob.kafkaoptions import sink_options, source_options
from tdajob.operators import HEAVY, AnswerHeavy, AnswerMessages, AnswerStreams, ReadStreamMessages
from tdajob.settings import Input, Kafka, Settings

ANSWERS_TABLE = "answers"
_PYFLINKS_KEYED = "org.apache.flink.streaming.api.operators.python.process.ExternalPythonKeyedProcessOperator"
_MOVED = "org/apache/flink/kafka/shaded/"
_LEAST_LANES = 8
MAX_PARALLELISM = 720  # decides which subtask has which stream; the command submits with the same

# A row that carries no message: it makes every compute subtask start its Python worker, and report its
# metrics, before the first user's message comes.
_HEARTBEAT_QUERY = (
    "SELECT CAST(NULL AS BYTES) AS `value`, CAST(NULL AS STRING) AS `topic`,"
    " CAST(NULL AS INT) AS `partition`, `beat` AS `offset`,"
    " CAST(NULL AS BIGINT) AS `timestamp` FROM heartbeat"
)

# The record's timestamp in epoch milliseconds: Python's operators need no objects for it, which PyFlink's
# threads could not convert. EXTRACT goes by the session's time zone, which is UTC.
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
    promised = expectations(settings, env.get_checkpoint_config().get_checkpoint_interval())
    beats = _heartbeat(tables)
    messages = [_messages(tables, one, settings, client) for one in settings.inputs]
    whole = [stream for one, stream in zip(settings.inputs, messages, strict=True) if one.window is None]
    answers = []
    if whole:
        incoming = beats.union(*(stream.rebalance() for stream in whole))
        answers += _answered(incoming, settings, promised, threads=threads)
    if len(whole) < len(messages):
        function = AnswerStreams(settings, promised, threads=threads)
        answers.append(_windowed(beats, messages, settings, function))
    if threads:
        # Python computes in Flink's own thread then: what compresses and sends the answers gets another.
        answers = [answered.disable_chaining() for answered in answers]
    _publish(env, tables, answers[0].union(*answers[1:]), settings, client)


def _answered(
    incoming: DataStream, settings: Settings, promised: Mapping[str, int], *, threads: bool
) -> list[DataStream]:
    """Each message by itself, spread evenly over the subtasks; heavy ones by lanes, beside the others."""
    lanes = _spread(_keys_of_subtasks("lane", _lanes(settings.parallelism)))
    light = incoming.process(AnswerMessages(settings, promised, lanes), _row())
    light = light.name(uids.COMPUTE).uid(uids.COMPUTE)
    # PyFlink's own `get_side_output` adds a Python operator without a uid.
    passed_on = DataStream(light._j_data_stream.getSideOutput(HEAVY.get_java_output_tag()))
    heavy = _processed(_by_key(passed_on), AnswerHeavy(settings, threads=threads))
    return [light, heavy.name(uids.HEAVY).uid(uids.HEAVY)]


def _lanes(parallelism: int) -> int:
    """A power of 2: each subtask has as many lanes as the others, nearly so after a rescaling, too."""
    return max(_LEAST_LANES, 1 << (parallelism - 1).bit_length())


def _windowed(
    beats: DataStream, messages: Sequence[DataStream], settings: Settings, function: AnswerStreams
) -> DataStream:
    """Messages by stream. Nothing comes between a source and its reader: a stream's order must stay."""
    keys = _keys_of_subtasks("heartbeat", settings.parallelism)
    keyed_row = Types.ROW([Types.STRING(), _bytes()])
    read = []
    for number, (one, stream) in enumerate(zip(settings.inputs, messages, strict=True)):
        if one.window is not None:
            reader = ReadStreamMessages(settings, number, keys)
            uid = uids.READERS[one.route]
            keyed = stream.union(beats).flat_map(reader, keyed_row).name(uid).uid(uid)
            read.append(keyed.set_parallelism(one.source_parallelism))
    streams = _processed(_by_key(read[0].union(*read[1:])), function)
    return streams.name(uids.STREAMS).uid(uids.STREAMS)


def _by_key(read: DataStream) -> KeyedStream:
    """Rows (key, content) by their key. PyFlink's own `key_by` adds a Python operator without a uid."""
    selector = get_gateway().jvm.KeyByKeySelector()
    key_type = Types.ROW([Types.STRING()]).get_java_type_info()
    return KeyedStream(read._j_data_stream.keyBy(selector, key_type), _bytes().get_java_type_info(), read)


def _processed(stream: KeyedStream, function: KeyedProcessFunction) -> DataStream:
    """`stream.process(function)`, whose checkpoints hold each timer that was set before them.

    A checkpoint of PyFlink's own operator lacks the timers of its last bundle. Where tdaflink's JAR is not in
    Flink's lib folder, or Python runs in threads, PyFlink's operator is taken.
    """
    kind = UserDefinedDataStreamFunction.KEYED_PROCESS
    operator, output = _get_one_input_stream_operator(stream, function, kind, _row())
    ours = get_gateway().jvm.tdaflink.beam.KeyedOperator
    if isinstance(ours, JavaClass) and operator.getClass().getName() == _PYFLINKS_KEYED:
        operator = ours.of(operator)
    return DataStream(stream._j_data_stream.transform("KEYED PROCESS", output, operator))


def _keys_of_subtasks(stem: str, parallelism: int) -> list[str]:
    """Keys of which Flink gives each of so many subtasks one, the first's first."""
    jvm = get_gateway().jvm
    assignment = jvm.org.apache.flink.runtime.state.KeyGroupRangeAssignment
    selector, found = jvm.KeyByKeySelector(), dict[int, str]()
    for number in count():
        row = jvm.org.apache.flink.types.Row(2)
        row.setField(0, f"{stem}/{number}")
        subtask = assignment.assignKeyToParallelOperator(selector.getKey(row), MAX_PARALLELISM, parallelism)
        found.setdefault(subtask, f"{stem}/{number}")
        if len(found) == parallelism:
            return [found[subtask] for subtask in range(parallelism)]
    raise AssertionError("count() does not end")


def _spread(lanes: Sequence[str]) -> list[str]:
    """Neighbours far apart, by the reversed bits of their place: any few that follow are in many subtasks."""
    bits = (len(lanes) - 1).bit_length()
    return [lanes[int(f"{place:0{bits}b}"[::-1], 2)] for place in range(len(lanes))]


def _messages(
    tables: StreamTableEnvironment, one: Input, settings: Settings, client: Mapping[str, str]
) -> DataStream:
    """The messages of one input."""
    schema = (
        Schema.new_builder()
        .column("value", DataTypes.BYTES())
        .column_by_metadata("topic", DataTypes.STRING(), is_virtual=True)
        .column_by_metadata("partition", DataTypes.INT(), is_virtual=True)
        .column_by_metadata("offset", DataTypes.BIGINT(), is_virtual=True)
        .column_by_metadata("timestamp", DataTypes.TIMESTAMP_LTZ(3), is_virtual=True)
        .build()
    )
    options = source_options(one, settings.kafka, client)
    _create(tables, one.route, "kafka", schema, options)
    table = tables.sql_query(f"SELECT {_MESSAGE_COLUMNS} FROM {one.route}")  # noqa: S608 - a name of three
    return _stream(tables, table, one.source_parallelism, uids.ROUTES[one.route])


def _heartbeat(tables: StreamTableEnvironment) -> DataStream:
    """One row a second to each compute subtask, however many there are after a rescaling."""
    schema = Schema.new_builder().column("beat", DataTypes.BIGINT()).build()
    _create(tables, "heartbeat", "datagen", schema, {"rows-per-second": "1", "scan.parallelism": "1"})
    return _stream(tables, tables.sql_query(_HEARTBEAT_QUERY), 1, uids.HEARTBEAT).broadcast()


def _stream(
    tables: StreamTableEnvironment, table: Table, parallelism: int, names: Mapping[str, str]
) -> DataStream:
    stream = tables.to_data_stream(table)
    # The planner's operators run as parallel as the source: else a shuffle would come between them.
    uids.settle([stream._j_data_stream.getTransformation()], names, parallelism)
    return stream


def _publish(
    env: StreamExecutionEnvironment,
    tables: StreamTableEnvironment,
    answers: DataStream,
    settings: Settings,
    client: Mapping[str, str],
) -> None:
    topics = sorted(
        {settings.errors_topic, settings.stream.events_topic, *(one.output_topic for one in settings.inputs)}
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
    uids.settle(ends, uids.ANSWERS, settings.parallelism)


def _create(
    tables: StreamTableEnvironment, name: str, connector: str, schema: Schema, options: Mapping[str, str]
) -> None:
    descriptor = TableDescriptor.for_connector(connector).schema(schema)
    for key, value in options.items():
        descriptor = descriptor.option(key, value)
    tables.create_temporary_table(name, descriptor.build())


def _client_options(kafka: Kafka) -> dict[str, str]:
    properties = {
        **kafka.resolved_properties(_moved_packages()),
        "bootstrap.servers": kafka.bootstrap_servers,
    }
    return {f"properties.{name}": value for name, value in properties.items()}


def _moved_packages() -> str:
    """Where the connector keeps Kafka's classes: the one that has all in one JAR has moved them."""
    loader = get_gateway().jvm.Thread.currentThread().getContextClassLoader()
    module = f"{_MOVED}org/apache/kafka/common/security/plain/PlainLoginModule.class"
    return _MOVED.replace("/", ".") if loader.getResource(module) is not None else ""


def _row() -> Any:
    return Types.ROW_NAMED(["topic", "key", "value"], [Types.STRING(), _bytes(), _bytes()])


def _bytes() -> Any:
    return Types.PRIMITIVE_ARRAY(Types.BYTE())
