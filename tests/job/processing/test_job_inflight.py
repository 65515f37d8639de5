"""Records at which workers end are named, however the worker ends, without an effect on other records."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tdajob
from support.job.settings_json import settings_text
from tdajob.errors import Origin
from tdajob.flink.record_in_flight import ENOUGH, KEPT_SECONDS, MOST_SUSPECTS, InFlight, RecordEndsWorker
from tdajob.messages.streams import parse_stream_message
from tdajob.processing.envelope import Envelope, packed, packed_refusal, record_of
from tdajob.settings.job import load

JOBS = Path(tdajob.__file__).parents[1]
TOPICS = ["tda_requests", "tda.stream-input_2"]
# Opens a note, completes a record, begins another one, and is killed as the kernel's OOM killer does it.
_WORKER = """
import os, pathlib, signal, sys
from tdajob.flink.record_in_flight import InFlight
root, how, topics = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
note = InFlight("job", topics, restarted=True, root=root)
note.begin(topics[0], 0, 1)
note.end()
if how != "between":
    note.begin(topics[1], 3, 2**62)
if how == "fault":
    import ctypes
    ctypes.string_at(0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def opened(root: Path, *, restarted: bool = True, owner: str = "job") -> InFlight:
    return InFlight(owner, TOPICS, restarted=restarted, root=root)


def end_a_worker(root: Path, how: str = "killed") -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", _WORKER, str(root), how, *TOPICS],
        env={**os.environ, "PYTHONPATH": str(JOBS)},
        capture_output=True,
        check=False,
    )
    assert done.returncode in (-signal.SIGKILL, -signal.SIGSEGV), done.stderr


@pytest.mark.parametrize("how", ["killed", "fault"])
def test_a_record_at_which_workers_die_is_named_once_and_then_tried_again(tmp_path: Path, how: str) -> None:
    for _ in range(ENOUGH):
        end_a_worker(tmp_path, how)
    note = opened(tmp_path)
    note.begin(TOPICS[0], 0, 1)  # other records are not affected
    note.end()
    with pytest.raises(
        RecordEndsWorker, match=rf"^{TOPICS[1]}/3/{2**62} was in progress {ENOUGH} times when"
    ):
        note.begin(TOPICS[1], 3, 2**62)
    note.close()
    again = opened(tmp_path)
    again.begin(TOPICS[1], 3, 2**62)
    again.close()  # as when the operator fails: the record is still in progress
    third = opened(tmp_path)
    with pytest.raises(RecordEndsWorker, match=f"{ENOUGH + 1} times"):
        third.begin(TOPICS[1], 3, 2**62)
    third.close()


def test_one_end_is_chance_and_a_completed_record_is_forgotten(tmp_path: Path) -> None:
    end_a_worker(tmp_path)
    note = opened(tmp_path)
    note.begin(TOPICS[1], 3, 2**62)
    note.close()
    with pytest.raises(RecordEndsWorker):
        opened(tmp_path).begin(TOPICS[1], 3, 2**62)
    passed = opened(tmp_path)
    passed.begin(TOPICS[1], 3, 2**62)
    passed.end()
    passed.close()
    end_a_worker(tmp_path)
    after = opened(tmp_path)
    after.begin(TOPICS[1], 3, 2**62)
    after.close()


def test_between_two_records_nothing_is_suspected(tmp_path: Path) -> None:
    for _ in range(ENOUGH + 1):
        end_a_worker(tmp_path, "between")
    note = opened(tmp_path)
    for topic in TOPICS:
        note.begin(topic, 0, 1)
        note.end()
    note.close()


def test_what_lives_is_not_counted_and_a_fresh_start_begins_at_nothing(tmp_path: Path) -> None:
    living = opened(tmp_path)
    living.begin(TOPICS[0], 0, 7)
    for _ in range(ENOUGH + 1):
        opened(tmp_path).close()
    other = opened(tmp_path)
    other.begin(TOPICS[0], 0, 7)
    other.end()
    other.close()
    living.end()
    living.close()
    for _ in range(ENOUGH):
        end_a_worker(tmp_path)
    opened(tmp_path, restarted=False).close()
    fresh = opened(tmp_path)
    fresh.begin(TOPICS[1], 3, 2**62)
    fresh.end()
    fresh.close()


def test_operators_do_not_clear_each_others_suspects(tmp_path: Path) -> None:
    for _ in range(ENOUGH):
        end_a_worker(tmp_path)
    reader = opened(tmp_path, owner="reader")
    reader.begin(TOPICS[1], 3, 2**62)
    reader.end()
    reader.close()
    with pytest.raises(RecordEndsWorker):
        opened(tmp_path).begin(TOPICS[1], 3, 2**62)


def test_leaves_nothing_but_the_count_and_lets_nobody_in(tmp_path: Path) -> None:
    for _ in range(3):
        end_a_worker(tmp_path, "between")
    opened(tmp_path).close()
    (folder,) = tmp_path.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["ends.json", "lock"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", ["", "[", "[1]", '[["t", 0, 1, "x", 2, 3]]', '{"a": 1}', "null"])
def test_damaged_files_count_as_nothing(tmp_path: Path, content: str) -> None:
    opened(tmp_path).close()
    (folder,) = tmp_path.iterdir()
    (folder / "ends.json").write_text(content)
    for number, note in enumerate((b"", b"\x01", b"\x01" * 80, b"\x01" + b"\0" * 63 + b"[]")):
        (folder / f"{number}.note").write_bytes(note)
    note = opened(tmp_path)
    note.begin(TOPICS[0], 0, 0)
    note.end()
    note.close()


def test_old_ends_are_forgotten_and_their_number_is_bounded(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (folder,) = tmp_path.iterdir()
    old = time.time() - KEPT_SECONDS - 60
    rows = [
        [TOPICS[0], 0, n, ENOUGH, old if n == 0 else time.time(), False] for n in range(MOST_SUSPECTS + 50)
    ]
    (folder / "ends.json").write_text(json.dumps(rows))
    note = opened(tmp_path)
    note.begin(TOPICS[0], 0, 0)
    note.end()
    note.close()
    assert len(json.loads((folder / "ends.json").read_text())) == MOST_SUSPECTS


def test_works_without_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for root in (tmp_path / "link", tmp_path / "missing" / "missing"):
        note = InFlight("job", TOPICS, restarted=True, root=root)
        note.begin(TOPICS[0], 0, 1)
        note.end()
        note.close()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_message_of_a_stream_carries_its_place_and_a_refusal_none() -> None:
    origin = Origin("streams", TOPICS[1], 3, 17, 1_700_000_000_000)
    value = b'{"stream_id": "s", "points": [[1.0, 2.0]]}'
    message = parse_stream_message(value, origin, load(settings_text()).limits)
    assert record_of(packed(Envelope(1, origin, message, value)), TOPICS) == (TOPICS[1], 3, 17)
    assert record_of(packed_refusal("skipped", b"k", b"v"), TOPICS) is None
