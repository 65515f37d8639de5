"""What control actions need, and telling of them: always in the ledger, on the events topic if possible."""

from __future__ import annotations

import getpass
import os
import socket
import time
from dataclasses import dataclass
from typing import Any

from tdaflink.adapters.environments import EnvironmentStore
from tdaflink.adapters.flink import FlinkRest
from tdaflink.adapters.kafka import KafkaClient
from tdaflink.adapters.ledger import Ledger
from tdaflink.domain.application import commands_of
from tdaflink.domain.commands import Commands
from tdaflink.domain.control import EVENTS_TOPIC, control_event
from tdaflink.domain.environment import Environment
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.ledger import Action
from tdaflink.domain.progress import Reporter
from tdaflink.domain.snapshots import Storage


@dataclass(frozen=True)
class Control:
    """An environment's cluster, where actions on it are written down, and who is told of them.

    `storage` opens what keeps checkpoints and savepoints. Without `kafka` nobody is told.
    """

    env: Environment
    cluster: FlinkRest
    ledger: Ledger
    reporter: Reporter
    storage: Storage
    kafka: KafkaClient | None = None

    @property
    def commands(self) -> Commands:
        """What to type to change the environment's jobs."""
        return commands_of(self.env)

    def tell(self, action: str, outcome: str, job_id: str, name: str, **detail: Any) -> None:
        """Note an action that has ended. That Kafka cannot be told is a warning, and undoes nothing."""
        done = Action(time.time(), action, outcome, job_id, name, submitter(), detail)
        self.ledger.note(done)
        if self.kafka is None:
            return
        try:
            writer = self.kafka.writer(EVENTS_TOPIC)
            writer.write(*control_event(done, self.env.name))
            writer.flush()
        except TdaflinkError as error:
            self.reporter.warn(f"{action} is done; {EVENTS_TOPIC} was not told: {error.message}")


def open_control(
    env: Environment,
    cluster: FlinkRest,
    store: EnvironmentStore,
    reporter: Reporter,
    kafka: KafkaClient | None = None,
) -> Control:
    """Return the control of an environment's jobs; the caller closes `cluster`."""
    # Profiles need pydantic, which `status` does without.
    from tdaflink.adapters.runtimes import storage_of

    return Control(env, cluster, Ledger(store.folder(env.name)), reporter, storage_of(env, store), kafka)


def submitter() -> str:
    """Who gives this command, and where."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())  # a container's user may have no name
    return f"{user}@{socket.gethostname()}"
