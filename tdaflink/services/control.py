"""Context of job control actions; records each in the ledger and, best effort, on the events topic."""

from __future__ import annotations

import getpass
import os
import socket
import time
from dataclasses import dataclass
from typing import Any

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.kafka.client import KafkaClient
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.ledger import Ledger
from tdaflink.domain.environments.application_cluster import commands_of
from tdaflink.domain.environments.command_hints import Commands
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.jobs.audit_event import EVENTS_TOPIC, control_event
from tdaflink.domain.jobs.history import AuditEntry
from tdaflink.domain.jobs.state_snapshots import Storage
from tdaflink.domain.progress import Reporter


@dataclass(frozen=True)
class JobControlContext:
    """An environment's cluster with the ledger that records actions on it.

    `storage` opens the storage of checkpoints and savepoints. Without `kafka` no events are sent.
    """

    env: Environment
    cluster: FlinkRest
    ledger: Ledger
    reporter: Reporter
    storage: Storage
    kafka: KafkaClient | None = None

    @property
    def commands(self) -> Commands:
        """Commands that change the environment's jobs, for hints."""
        return commands_of(self.env)

    def record_action(self, action: str, outcome: str, job_id: str, name: str, **detail: Any) -> None:
        """Record a completed action. A failure to send the event is a warning, and reverts nothing."""
        done = AuditEntry(time.time(), action, outcome, job_id, name, submitter(), detail)
        self.ledger.note(done)
        if self.kafka is None:
            return
        try:
            writer = self.kafka.writer(EVENTS_TOPIC)
            writer.write(*control_event(done, self.env.name))
            writer.flush()
        except TdaflinkError as error:
            self.reporter.warn(f"{action} is done; no event was sent to {EVENTS_TOPIC}: {error.message}")


def open_control(
    environment: Environment,
    cluster: FlinkRest,
    store: EnvironmentStore,
    reporter: Reporter,
    kafka: KafkaClient | None = None,
) -> JobControlContext:
    """Return the control of an environment's jobs; the caller closes `cluster`."""
    # Profiles need pydantic, which `status` does without.
    from tdaflink.adapters.runtimes import storage_of

    return JobControlContext(
        environment,
        cluster,
        Ledger(store.folder(environment.name)),
        reporter,
        storage_of(environment, store),
        kafka,
    )


def submitter() -> str:
    """Return user and host of this command."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())  # a container's user may have no name
    return f"{user}@{socket.gethostname()}"
