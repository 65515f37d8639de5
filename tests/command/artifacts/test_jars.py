"""Downloads of JARs from a real server on the loopback interface that acts as a Maven repository."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.command_runner import Runner, command_environ

from tdaflink.adapters.jars.cache import JarCache, repository_address
from tdaflink.adapters.storage.shipped_profiles import load_versions
from tdaflink.domain.artifacts.jars import Coordinates, JarLock, LockedJar
from tdaflink.domain.errors import BadArtifact, ConfigError, NotFound, Unreachable
from tdaflink.domain.progress import Silent
from tdaflink.services.artifacts.jars import fetch_jars, require_cached

CONTENT = bytes(range(256)) * 4000
COORDINATES = Coordinates("org.example", "thing", "1.0")


class Repository:
    """The files that the server has, its faults, and the Range headers of its requests."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.break_off_at: list[int] = []
        self.ignore_ranges = False
        self.asked: list[str | None] = []
        self.address = ""


@pytest.fixture
def repository() -> Iterator[Repository]:
    served = Repository()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            served.asked.append(asked)
            content = served.files.get(self.path.lstrip("/"))
            if content is None:
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and not served.ignore_ranges else 0
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = served.break_off_at.pop(0) if served.break_off_at else len(content)
            self.wfile.write(content[start:end])
            self.close_connection = end < len(content)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        served.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield served
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JarCache:
    monkeypatch.setenv("TDAFLINK_CACHE_DIR", str(tmp_path / "cache"))
    return JarCache()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("org.example:thing:1.0", "org/example/thing/1.0/thing-1.0.jar"),
        ("org.example:thing:1.0:sources", "org/example/thing/1.0/thing-1.0-sources.jar"),
        ("org.example:thing:1.0@pom", "org/example/thing/1.0/thing-1.0.pom"),
        ("org.example:thing:1.0:all@tar.gz", "org/example/thing/1.0/thing-1.0-all.tar.gz"),
    ],
)
def test_coordinates_are_a_path_in_any_repository(text: str, path: str) -> None:
    assert Coordinates.parse(text).path == path
    assert str(Coordinates.parse(text)) == text


@pytest.mark.parametrize("text", ["thing", "a:b", "a::1", "a:b:1:c:d", "a:b:1@"])
def test_what_are_no_coordinates_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="group:artifact:version"):
        Coordinates.parse(text)


def locked(content: bytes = CONTENT, coordinates: Coordinates = COORDINATES) -> LockedJar:
    return LockedJar(coordinates, len(content), hashlib.sha256(content).hexdigest(), "kafka/libs")


def fetch(cache: JarCache, repository: Repository, *jars: LockedJar) -> tuple[str, ...]:
    return fetch_jars(JarLock(jars), cache, Silent(), mirror=repository.address).fetched


def test_a_fetched_jar_is_cached_and_not_asked_for_again(cache: JarCache, repository: Repository) -> None:
    repository.files[COORDINATES.path] = CONTENT
    assert fetch(cache, repository, locked()) == ("org.example:thing:1.0",)
    assert cache.path(locked()).read_bytes() == CONTENT
    assert fetch(cache, repository, locked()) == ()
    assert repository.asked == [None]


def test_a_wrong_file_is_deleted_and_refused_with_both_hashes(
    cache: JarCache, repository: Repository, tmp_path: Path
) -> None:
    wrong = CONTENT[:-1] + b"!"
    repository.files[COORDINATES.path] = wrong
    with pytest.raises(BadArtifact) as caught:
        fetch(cache, repository, locked())
    assert hashlib.sha256(wrong).hexdigest() in caught.value.message
    assert locked().sha256 in caught.value.message
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 1000] == []


@pytest.mark.parametrize("wrong", [CONTENT + b"more", CONTENT[:-9]], ids=["longer", "shorter"])
def test_a_file_of_another_length_is_never_kept(
    cache: JarCache, repository: Repository, wrong: bytes
) -> None:
    repository.files[COORDINATES.path] = wrong
    with pytest.raises((BadArtifact, Unreachable)):
        fetch(cache, repository, locked())
    assert not cache.has(locked())


def test_a_dropped_connection_is_taken_up_where_it_broke(cache: JarCache, repository: Repository) -> None:
    repository.files[COORDINATES.path] = CONTENT
    repository.break_off_at = [400_000, 700_000]
    fetch(cache, repository, locked())
    assert cache.path(locked()).read_bytes() == CONTENT
    assert repository.asked[0] is None
    starts = [int(str(asked).removeprefix("bytes=").rstrip("-")) for asked in repository.asked[1:]]
    assert 0 < starts[0] <= 400_000
    assert starts[0] < starts[1] <= 700_000


def test_a_later_call_goes_on_with_what_an_earlier_one_left(cache: JarCache, repository: Repository) -> None:
    repository.files[COORDINATES.path] = CONTENT
    repository.break_off_at = [100_000, 200_000, 300_000, 400_000]
    with pytest.raises(Unreachable, match="could not download"):
        fetch(cache, repository, locked())
    repository.asked.clear()
    fetch(cache, repository, locked())
    assert repository.asked[0] is not None
    assert cache.path(locked()).read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_is_asked_for_the_whole(
    cache: JarCache, repository: Repository
) -> None:
    repository.files[COORDINATES.path] = CONTENT
    repository.break_off_at = [400_000]
    repository.ignore_ranges = True
    fetch(cache, repository, locked())
    assert cache.path(locked()).read_bytes() == CONTENT


def test_wrong_bytes_of_an_earlier_mirror_do_not_spoil_a_good_one(
    cache: JarCache, repository: Repository
) -> None:
    repository.files[COORDINATES.path] = b"x" * len(CONTENT)
    repository.break_off_at = [100_000] * 4
    with pytest.raises(Unreachable):
        fetch(cache, repository, locked())
    repository.files[COORDINATES.path] = CONTENT
    repository.break_off_at = []
    fetch(cache, repository, locked())
    assert cache.path(locked()).read_bytes() == CONTENT


def test_a_cached_file_that_was_changed_is_found_out(cache: JarCache, repository: Repository) -> None:
    repository.files[COORDINATES.path] = CONTENT
    fetch(cache, repository, locked())
    cache.path(locked()).write_bytes(b"x" * len(CONTENT))
    assert not cache.has(locked())
    assert not cache.path(locked()).exists()
    assert fetch(cache, repository, locked()) == ("org.example:thing:1.0",)


def test_without_a_network_the_cache_is_enough_and_a_gap_is_named(
    cache: JarCache, repository: Repository
) -> None:
    repository.files[COORDINATES.path] = CONTENT
    lock = JarLock((locked(),))
    with pytest.raises(NotFound, match="1 of 1 JARs are not in the cache"):
        require_cached(lock, cache)
    fetch(cache, repository, locked())
    require_cached(lock, cache)


def test_a_jar_that_the_mirror_lacks_and_a_mirror_that_is_dead(
    cache: JarCache, repository: Repository, free_address: str
) -> None:
    with pytest.raises(NotFound, match=r"thing-1\.0\.jar does not exist"):
        fetch(cache, repository, locked())
    repository.address = free_address
    with pytest.raises(Unreachable, match="could not download"):
        fetch(cache, repository, locked())


def test_many_jars_at_once_report_their_progress(cache: JarCache, repository: Repository) -> None:
    jars = []
    for number in range(30):
        content = CONTENT + str(number).encode()
        jars.append(locked(content, Coordinates("org.example", f"thing-{number}", "1")))
        repository.files[jars[-1].coordinates.path] = content
    seen: list[float] = []
    cache.fetch(jars, repository.address, lambda done, _total: seen.append(done))
    assert all(cache.has(jar, thorough=True) for jar in jars)
    assert seen[-1] == sum(jar.size for jar in jars)
    assert seen == sorted(seen)


def test_two_processes_fetch_each_jar_once(cache: JarCache, repository: Repository, tmp_path: Path) -> None:
    repository.files[COORDINATES.path] = CONTENT
    lock = tmp_path / "lock.json"
    lock.write_text(JarLock((locked(),)).to_json(), encoding="utf-8")
    script = (
        "import sys; from pathlib import Path; from tdaflink.adapters.jars.cache import JarCache\n"
        "from tdaflink.domain.artifacts.jars import JarLock\n"
        "jars = JarLock.from_json(Path(sys.argv[1]).read_text(), source='test').jars\n"
        "JarCache().fetch(jars, sys.argv[2])"
    )
    environ = command_environ(tmp_path, TDAFLINK_CACHE_DIR=str(tmp_path / "cache"))
    calls = [
        subprocess.Popen([sys.executable, "-c", script, str(lock), repository.address], env=environ)
        for _ in range(3)
    ]
    assert [call.wait(60) for call in calls] == [0, 0, 0]
    assert repository.asked == [None]
    assert cache.has(locked(), thorough=True)


def test_the_mirror_may_come_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TDAFLINK_MAVEN_MIRROR", "http://mirror/repository/")
    assert repository_address() == "http://mirror/repository"
    assert repository_address("http://named") == "http://named"


def test_jars_list_names_every_locked_jar(run_tdaflink: Runner, tmp_path: Path) -> None:
    empty = {"TDAFLINK_CACHE_DIR": str(tmp_path / "empty")}
    rows = run_tdaflink("jars", "list", "-o", "json", environ=empty).json()
    assert f"org.apache.kafka:kafka_2.13:{load_versions().kafka}" in {row["coordinates"] for row in rows}
    assert {row["cached"] for row in rows} == {False}
    table = run_tdaflink("jars", "list", environ=empty).stdout.splitlines()
    assert table[0].split() == ["ARTIFACT", "VERSION", "SIZE", "WHERE", "CACHED"]
    assert table[-1].endswith("0 in the cache")


def test_skip_jars_with_an_empty_cache_says_what_to_do(run_tdaflink: Runner, tmp_path: Path) -> None:
    empty = {"TDAFLINK_CACHE_DIR": str(tmp_path / "empty")}
    ran = run_tdaflink(
        *("setup", "--env", "local", "--port-offset", "auto", "--skip-jars", "-o", "json"), environ=empty
    )
    error = json.loads(ran.stderr.splitlines()[-1])["error"]
    assert ran.code == 4
    assert error["hint"] == "tdaflink jars fetch, or omit --skip-jars"


@pytest.fixture
def free_address() -> str:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return f"http://127.0.0.1:{server.server_port}"
