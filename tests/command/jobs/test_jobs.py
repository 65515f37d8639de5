"""Names of jobs, and the root cause of a failure in Flink's exceptions."""

from __future__ import annotations

import pytest

from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.domain.jobs.failures import (
    own_frames,
    printed_by_main,
    python_traceback,
    quoted_message,
    record_at_fault,
    root_cause,
    signature,
)
from tdaflink.domain.jobs.job import Job, find_job

JAVA_WITH_PYTHON = """\
org.apache.flink.runtime.taskmanager.AsynchronousException: Caught exception while processing timer.
\tat org.apache.flink.streaming.runtime.tasks.StreamTask.handle(StreamTask.java:1)
Caused by: TimerException{java.lang.RuntimeException: Failed to close remote bundle}
\t... 9 more
Caused by: java.lang.RuntimeException: Error from SDK harness for instruction 1: Traceback (most recent call last):
  File "worker.py", line 3, in run
    yield
  File "my_job.py", line 7, in map
    return 1 / 0
ZeroDivisionError: division by zero

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "my_job.py", line 9, in map
    raise ValueError("bad cloud")
ValueError: bad cloud

\tat java.base/java.util.concurrent.CompletableFuture.reportGet(Unknown Source)
\t... 7 more
"""


def job(identity: str, name: str, state: str = "RUNNING", start: str = "2024-01-01T00:00:00.000Z") -> Job:
    return Job(identity, name, state, start, 1, 1, 1, 1, "local")


JOBS = [
    job("aa11", "one"),
    job("aa22", "two", "FAILED", "2024-01-01T00:00:00.000Z"),
    job("bb33", "two", "CANCELED", "2024-01-02T00:00:00.000Z"),
    job("cc44", "three"),
    job("dd55", "three"),
]


@pytest.mark.parametrize(
    ("reference", "found"),
    [("aa11", "aa11"), ("AA1", "aa11"), ("b", "bb33"), ("one", "aa11"), ("two", "bb33")],
)
def test_a_job_is_found_by_id_prefix_or_name(reference: str, found: str) -> None:
    assert find_job(JOBS, reference).id == found


@pytest.mark.parametrize("reference", ["aa", "three"])
def test_an_ambiguous_reference_lists_what_it_could_mean(reference: str) -> None:
    with pytest.raises(UsageError, match="matches more than one job"):
        find_job(JOBS, reference)


@pytest.mark.parametrize("reference", ["zz", ""])
def test_an_unknown_reference_is_not_found(reference: str) -> None:
    with pytest.raises(NotFound, match="no job on this cluster"):
        find_job(JOBS, reference)


def test_the_python_traceback_is_cut_out_whole() -> None:
    traceback = python_traceback(JAVA_WITH_PYTHON)
    assert traceback is not None
    assert traceback.startswith("Traceback (most recent call last):\n")
    assert "ZeroDivisionError: division by zero" in traceback
    assert traceback.endswith("ValueError: bad cloud")
    assert "\tat " not in traceback


def test_the_root_cause_is_python_s_last_line() -> None:
    assert root_cause(JAVA_WITH_PYTHON) == "ValueError: bad cloud"


NAMED = "tdajob.flink.record_in_flight.RecordEndsWorker"
WORDS = "tda_jobs.v-1/3/4611686018427387904 was in progress 2 times when a worker of the job ended"


@pytest.mark.parametrize(
    "text",
    [
        JAVA_WITH_PYTHON.replace("ValueError: bad cloud\n\n", f"{NAMED}: {WORDS}\n\n"),
        f"a.B: outer\n\tat x\nCaused by: pemja.core.PythonException: <class '{NAMED}'>: {WORDS}\n\tat y\n",
    ],
    ids=["process", "thread"],
)
def test_the_record_at_which_workers_end_is_known_from_the_exception(text: str) -> None:
    found = record_at_fault(text)
    assert found is not None
    assert (found.topic, found.partition, found.offset, found.ends) == ("tda_jobs.v-1", 3, 2**62, 2)
    assert found.place == "tda_jobs.v-1/3/4611686018427387904"


@pytest.mark.parametrize(
    "text",
    [
        JAVA_WITH_PYTHON,
        "just words",
        JAVA_WITH_PYTHON.replace("bad cloud", f"bad cloud {NAMED}: {WORDS}"),
        f"a.B: {NAMED}: {WORDS}",
        f"{NAMED}: a topic;rm/0/1 was in progress 2 times when a worker of the job ended",
        f"{NAMED}: t/0/{'9' * 400} was in progress 2 times when a worker of the job ended",
    ],
)
def test_words_of_a_message_name_no_record(text: str) -> None:
    assert record_at_fault(text) is None


def test_without_python_the_deepest_java_cause_counts() -> None:
    text = "a.B: outer\n\tat x\nCaused by: c.D: inner\n\tat y\n"
    assert root_cause(text) == "c.D: inner"
    assert python_traceback(text) is None
    assert root_cause("just words") == "just words"


LOG = """\
2026-11-22 13:30:42,175 INFO  org.apache.flink.client.python.PythonDriver  [] - hello from main
2026-11-22 13:30:42,175 INFO  org.apache.flink.client.python.PythonDriver  [] - Traceback (most recent call last):
2026-11-22 13:30:42,180 INFO  org.apache.flink.client.python.PythonDriver  [] -   File "<frozen runpy>", line 8, in _run
2026-11-22 13:30:42,180 INFO  org.apache.flink.client.python.PythonDriver  [] -   \
File "/tmp/pyflink/ca/1d/5a_tdaflink-7e38.jar/bad.py", line 1, in <module>
2026-11-22 13:30:42,180 INFO  org.apache.flink.client.python.PythonDriver  [] -     import missing
2026-11-22 13:30:42,184 INFO  org.apache.flink.client.python.PythonDriver  [] - ModuleNotFoundError: No module named 'missing'
2026-11-22 13:30:42,227 INFO  org.apache.flink.client.python.PythonDriver  [] - ----- Python Process Exited -----
2026-11-22 13:30:42,228 ERROR org.apache.flink.client.python.PythonDriver  [] - Run python process failed
java.lang.RuntimeException: Python process exits with code: 1
\tat org.apache.flink.client.python.PythonDriver.main(PythonDriver.java:130)
"""


@pytest.mark.parametrize("ending", [".jar", ""], ids=["Flink 2.2", "Flink 2.3"])
def test_what_main_printed_is_taken_out_of_the_log(ending: str) -> None:
    traceback = python_traceback(printed_by_main(LOG.replace(".jar/", f"{ending}/")))
    assert traceback is not None
    assert own_frames(traceback) == (
        "Traceback (most recent call last):\n"
        '  File "bad.py", line 1, in <module>\n'
        "    import missing\n"
        "ModuleNotFoundError: No module named 'missing'"
    )


def test_frames_of_the_machinery_are_left_out_as_long_as_others_remain() -> None:
    mine = '  File "my_job.py", line 7, in map\n    return 1 / 0\nZeroDivisionError: division by zero'
    theirs = '  File "/x/site-packages/apache_beam/worker.py", line 3, in run\n    yield\n    ^^^^^\n'
    head = "Traceback (most recent call last):\n"
    assert own_frames(head + theirs + mine) == head + mine
    assert own_frames(head + theirs + "OSError: gone") == head + theirs + "OSError: gone"


def test_one_cause_has_one_signature_whatever_the_record() -> None:
    other = JAVA_WITH_PYTHON.replace("bad cloud", "bad cloud 2")
    assert signature(other) == signature(JAVA_WITH_PYTHON)
    assert signature(JAVA_WITH_PYTHON.replace("line 9", "line 8")) != signature(JAVA_WITH_PYTHON)


def test_a_message_that_could_not_be_read_is_quoted_by_its_beginning() -> None:
    java = (
        "java.io.IOException: Failed to deserialize consumer record due to\n\tat x.Y.z(Y.java:1)\nCaused by: "
    )
    assert quoted_message(f"{java}java.io.IOException: Failed to deserialize JSON 'no\nJSON'.\n\tat a") == (
        "no\nJSON"
    )
    assert quoted_message(f"{java}java.io.IOException: Failed to deserialize CSV row '{'1,' * 150}'.") == (
        "1," * 100 + "…"
    )
    assert quoted_message(f"{java}java.lang.NullPointerException") is None
