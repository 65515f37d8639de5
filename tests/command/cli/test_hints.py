"""Calls in messages and hints: the commands and options exist, and the environment is the right one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.command_runner import Runner
from support.texts.hints import calls, command_of, options_in, options_of, options_of_call, texts, tree

from tdaflink.domain.environments.command_hints import IN_ENVIRONMENT, Commands, named_environment

# Words after `tdaflink` where it is the subject or object of a sentence, not a call.
PROSE = {
    *(
        "algorithms",
        "failed",
        "for",
        "foresaw",
        "goes",
        "installs",
        "is",
        "itself",
        "keeps",
        "lists",
        "makes",
        "name",
        "of",
        "on",
        "or",
        "reads",
    ),
    *("repairs", "runs", "set", "ships", "still", "that", "this", "was", "work", "would"),
}
# Groups of commands, which a text may name.
GROUPS = {"topics", "savepoints", "schemas", "config", "env", "jars", "python", "compose"}
# Options that hints name without a command: they belong to these commands, whose output shows the hints.
SHOWN_BY = {
    "adapters/security/alert_webhook.py": ("setup",),
    "adapters/python/cluster_python.py": ("setup",),
    "adapters/compose_runtime/project_folder.py": ("setup",),
    "adapters/security/credential_store.py": ("setup",),
    "adapters/flink/rest.py": ("list", "status", "submit"),
    "adapters/kafka/connection.py": ("env add",),
    "adapters/jars/cache.py": ("setup", "jars fetch"),
    "adapters/storage/point_files.py": ("send",),
    "adapters/storage/shipped_profiles.py": ("setup",),
    "adapters/monitoring/prometheus.py": ("watch", "doctor"),
    "adapters/storage/state_storage.py": ("submit", "resume"),
    "adapters/web/authentication.py": ("env add",),
    "cli/common.py": ("teardown", "submit", "savepoints prune", "send"),
    "cli/diagnose.py": ("diagnose",),
    "cli/error_handling.py": ("list", "submit"),
    "cli/savepoints.py": ("savepoints prune",),
    "display/errors.py": ("list", "submit"),
    "display/jobs/logs.py": ("logs",),
    "display/watch/loop.py": ("watch",),
    "domain/config/algorithms.py": ("submit", "upgrade"),
    "domain/environments/security.py": ("env add",),
    "domain/messages/shapes.py": ("send",),
    "domain/environments/compose_stack.py": ("setup",),
    "services/observability/sizing.py": ("advise",),
    "services/environments/application_cluster.py": ("setup",),
    "services/jobs/bundle.py": ("submit", "resume", "upgrade"),
    "services/environments/compose_export.py": ("compose export",),
    "services/jobs/config_resolution.py": ("config init", "submit", "upgrade"),
    "services/environments/draft.py": ("setup",),
    "services/observability/events.py": ("events",),
    "services/environments/external.py": ("env add",),
    "services/artifacts/jars.py": ("setup",),
    "services/upgrades/suspend.py": ("upgrade", "rollback"),
    "services/jobs/preparation.py": ("submit", "resume", "upgrade"),
    "services/jobs/topic_readers.py": ("submit", "resume"),
    "services/upgrades/restart.py": ("submit", "resume"),
    "services/data/results.py": ("results",),
    "services/artifacts/sbom.py": ("sbom",),
    "services/environments/schemas.py": ("schemas list", "schemas check", "schemas register"),
    "services/data/send.py": ("send",),
    "services/jobs/state_snapshots.py": ("submit",),
    "services/upgrades/savepoints.py": ("stop",),
    "services/jobs/submission.py": ("submit",),
    "services/data/table_streams.py": ("send",),
    "services/upgrades/versions.py": ("rollback", "resume"),
    "services/observability/snapshot_reader.py": ("watch",),
}
# Options of only one of the commands above, or of another program.
ELSEWHERE = {
    ("services/jobs/config_resolution.py", "--force"): "config init",
    ("services/jobs/config_resolution.py", "--set"): "submit",
    ("services/jobs/preparation.py", "--job"): "submit",
    ("services/upgrades/versions.py", "--to"): "rollback",
    ("services/upgrades/versions.py", "--job"): "resume",
    ("services/upgrades/versions.py", "--include"): "resume",
    ("services/jobs/state_snapshots.py", "--keep"): "savepoints prune",
    ("services/jobs/state_snapshots.py", "--older-than"): "savepoints prune",
    ("domain/environments/security.py", "-cluster"): None,
    ("adapters/compose_runtime/docker_engine.py", "-a"): None,
    ("adapters/security/references.py", "-rs"): None,
    ("adapters/storage/user_files.py", "-p"): None,
    ("adapters/python/uv.py", "-m"): None,
}


def test_every_call_in_a_text_is_one_of_a_command_with_its_options() -> None:
    wrong = []
    for text in texts():
        for path, rest in calls(text.words):
            found = command_of(path)
            if found is None:
                if path.split()[0] not in PROSE and path not in GROUPS:
                    wrong.append(f"{text.file}:{text.line}: tdaflink {path}")
                continue
            known = options_of(found[0])
            if found[1] == "plan":  # the planned command follows, with options of its own
                inner = [command_of(word) for word in f"{path} {rest}".split() if word.isalpha()]
                known = known.union(*(options_of(one[0]) for one in inner if one))
            unknown = set(options_of_call(rest)) - known
            wrong += [f"{text.file}:{text.line}: tdaflink {found[1]} has no {word}" for word in unknown]
    assert wrong == []


def test_every_option_that_a_hint_names_is_one_of_the_commands_that_show_it() -> None:
    wrong = []
    for text in texts():
        if not text.is_hint:
            continue
        for option in options_in(text.words):
            commands: tuple[str | None, ...] = SHOWN_BY.get(text.file, ())
            if (text.file, option) in ELSEWHERE:
                commands = (ELSEWHERE[text.file, option],)
            if not commands:
                wrong.append(f"{text.file}:{text.line}: {option}: say in SHOWN_BY which commands show it")
            for command in commands:
                found = command_of(command) if command else None
                if found is not None and option not in options_of(found[0]):
                    wrong.append(f"{text.file}:{text.line}: {command} has no {option}")
    assert wrong == []


def test_each_command_says_whether_hints_name_its_environment() -> None:
    """A new command either is run in an environment, or is listed here as one that is not."""
    without = {
        "algorithms",
        "apply",
        "plan",
        "sbom",
        "compose export",
        "config init",
        "config schema",
        "config validate",
    }
    named = set()
    for name, command in tree().commands.items():
        inner = getattr(command, "commands", None)
        named |= {name} if inner is None else {f"{name} {one}" for one in inner}
    others = {
        name for name in named - IN_ENVIRONMENT - without if name.split()[0] not in ("env", "jars", "python")
    }
    assert (others, IN_ENVIRONMENT - named) == (set(), set())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tdaflink list", "tdaflink list --env prod"),
        ("tdaflink status abc shows why", "tdaflink status --env prod abc shows why"),
        ("tdaflink topics create orders", "tdaflink topics create --env prod orders"),
        (
            "tdaflink stop a, then tdaflink submit",
            "tdaflink stop --env prod a, then tdaflink submit --env prod",
        ),
        ("tdaflink setup --resume-jobs --env dev", "tdaflink setup --resume-jobs --env dev"),
        ("tdaflink stop a --env dev; tdaflink list", "tdaflink stop a --env dev; tdaflink list --env prod"),
        ("an environment that tdaflink set up", "an environment that tdaflink set up"),
        ("tdaflink env list, tdaflink jars fetch", "tdaflink env list, tdaflink jars fetch"),
        ("see /opt/tdaflink list", "see /opt/tdaflink list"),
        (
            "tdaflink send circle && tdaflink results",
            "tdaflink send --env prod circle && tdaflink results --env prod",
        ),
    ],
)
def test_calls_name_an_environment_that_is_not_implied(text: str, shown: str) -> None:
    assert named_environment(text, "prod") == shown
    assert named_environment(text, None) == text


def test_names_are_quoted_for_the_shell() -> None:
    assert Commands("dev").restart("my job") == "tdaflink resume 'my job' --env dev"
    assert named_environment("tdaflink list", "a b") == "tdaflink list --env 'a b'"


@pytest.mark.parametrize(
    ("topic", "hint"),
    [
        ("tda_events", "tdaflink events"),
        ("tda_errors", "tdaflink results --errors"),
        ("tda_jobs", "tdaflink results; tdaflink results --stream ID for those of a stream"),
    ],
)
def test_topics_without_results_say_what_shows_them(run_tdaflink: Runner, topic: str, hint: str) -> None:
    environ = {"FLINK_REST_URL": "http://127.0.0.1:1", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    done = run_tdaflink("results", "--topic", topic, "-o", "json", environ=environ)
    assert (done.code, json.loads(done.stderr)["error"]["hint"]) == (2, hint)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("results", "--topic", "tda_events", "--env", "prod"), True),
        (("results", "--topic", "tda_events"), False),
    ],
)
def test_the_hint_of_a_call_means_the_environment_of_the_call(
    run_tdaflink: Runner, tmp_path: Path, words: tuple[str, ...], named: bool
) -> None:
    for name in ("prod", "local"):
        folder = tmp_path / "environments" / name
        folder.mkdir(parents=True)
        nowhere = {"rest_url": "http://127.0.0.1:1", "kafka": "127.0.0.1:1", "kafka_cluster": "127.0.0.1:1"}
        document = {
            "name": name,
            "profile": "external",
            "runtime": "external",
            "endpoints": nowhere,
            "python": "p",
        }
        (folder / "environment.json").write_text(json.dumps(document))
    done = run_tdaflink(*words)
    assert done.code == 2
    (hint,) = re.findall(r"Try: +(.*)", done.stderr)
    assert hint == ("tdaflink events --env prod" if named else "tdaflink events")
    implied = run_tdaflink(*words, environ={"TDA_ENVIRONMENT": "prod"} if named else {})
    assert re.findall(r"Try: +(.*)", implied.stderr) == ["tdaflink events"]
    error = json.loads(run_tdaflink(*words, "-o", "json").stderr)["error"]
    assert error["hint"] == hint
