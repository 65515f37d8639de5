"""The last message ids of a stream, so that a message that comes twice is known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from tdajob.windows.codec import MESSAGE_IDS, chunk_id, index_of

_DIGEST = 16  # bytes: ids of any length cost the same, and two that share 128 bits will not be met
_GROUP = 64  # ids to a chunk


class MessageIds:
    """The newest `limit` ids, as hashes, in chunks of 64 of which the last one grows."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._next = 0  # ids are numbered in the order in which they came; this is the next number
        self._groups: dict[int, list[bytes]] = {}
        self._known: set[bytes] = set()
        self._unsaved: set[int] = set()
        self._dropped: list[int] = []

    def load(self, chunks: Mapping[int, bytes]) -> None:
        """Take up the chunks of the state; a limit that has become smaller forgets the oldest ids."""
        if not self._limit:
            self._dropped += chunks
            return
        for chunk in sorted(chunks):
            digests = chunks[chunk]
            self._groups[index_of(chunk)] = [
                digests[at : at + _DIGEST] for at in range(0, len(digests), _DIGEST)
            ]
        numbered = [
            (group * _GROUP + place, digest)
            for group, members in self._groups.items()
            for place, digest in enumerate(members)
        ]
        self._next = numbered[-1][0] + 1 if numbered else 0
        for number, _ in numbered[: max(0, len(numbered) - self._limit)]:
            self._forget(number)
        # An id that was forgotten may have come again, so only now.
        self._known = {digest for _, digest in numbered[max(0, len(numbered) - self._limit) :]}

    def holds(self, message_id: str | None) -> bool:
        return message_id is not None and bool(self._known) and _digest(message_id) in self._known

    def remember(self, message_id: str | None) -> None:
        if message_id is None or not self._limit:
            return
        digest = _digest(message_id)
        group = self._next // _GROUP
        self._groups.setdefault(group, []).append(digest)
        self._known.add(digest)
        self._unsaved.add(group)
        self._next += 1
        if self._next > self._limit:
            self._forget(self._next - 1 - self._limit)

    def changes(self) -> tuple[dict[int, bytes], list[int]]:
        """Chunks to put and to drop since the last call."""
        puts = {chunk_id(group, MESSAGE_IDS): b"".join(self._groups[group]) for group in self._unsaved}
        dropped, self._dropped = self._dropped, []
        self._unsaved.clear()
        return puts, dropped

    def _forget(self, number: int) -> None:
        """Forget the id with a number, and its chunk after the last id of it."""
        group, place = divmod(number, _GROUP)
        if group not in self._groups:
            return
        self._known.discard(self._groups[group][place])
        if place == _GROUP - 1:
            del self._groups[group]
            self._unsaved.discard(group)
            self._dropped.append(chunk_id(group, MESSAGE_IDS))


def _digest(message_id: str) -> bytes:
    return hashlib.blake2b(message_id.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()
