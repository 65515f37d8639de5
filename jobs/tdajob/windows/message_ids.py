"""The newest message ids of a stream, by which duplicate messages are detected."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from tdajob.windows.state.codec import MESSAGE_IDS, chunk_id, index_of

_DIGEST = 16  # bytes: the size does not depend on the id, and collisions of 128 bits are negligible
_GROUP = 64  # ids to a chunk


class MessageIds:
    """The newest `limit` ids, as hashes, in chunks of 64 of which the last one grows."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._next = 0  # the next number; ids are numbered in order of arrival
        self._groups: dict[int, list[bytes]] = {}
        self._digests: set[bytes] = set()
        self._unsaved: set[int] = set()
        self._dropped: list[int] = []

    def load(self, chunks: Mapping[int, bytes]) -> None:
        """Restore the chunks of the state; with a smaller limit the oldest ids are removed."""
        if not self._limit:
            self._dropped += chunks
            return
        for chunk in sorted(chunks):
            digests = chunks[chunk]
            self._groups[index_of(chunk)] = [
                digests[start : start + _DIGEST] for start in range(0, len(digests), _DIGEST)
            ]
        numbered = [
            (group * _GROUP + index, digest)
            for group, members in self._groups.items()
            for index, digest in enumerate(members)
        ]
        self._next = numbered[-1][0] + 1 if numbered else 0
        for number, _ in numbered[: max(0, len(numbered) - self._limit)]:
            self._remove(number)
        # Set last: a removed id may be among the newer ones, too.
        self._digests = {digest for _, digest in numbered[max(0, len(numbered) - self._limit) :]}

    def holds(self, message_id: str | None) -> bool:
        return message_id is not None and bool(self._digests) and _digest(message_id) in self._digests

    def remember(self, message_id: str | None) -> None:
        if message_id is None or not self._limit:
            return
        digest = _digest(message_id)
        group = self._next // _GROUP
        self._groups.setdefault(group, []).append(digest)
        self._digests.add(digest)
        self._unsaved.add(group)
        self._next += 1
        if self._next > self._limit:
            self._remove(self._next - 1 - self._limit)

    def changes(self) -> tuple[dict[int, bytes], list[int]]:
        """Return the chunks to put and to drop since the last call."""
        puts = {chunk_id(group, MESSAGE_IDS): b"".join(self._groups[group]) for group in self._unsaved}
        dropped, self._dropped = self._dropped, []
        self._unsaved.clear()
        return puts, dropped

    def _remove(self, number: int) -> None:
        """Remove the id with a number, and its chunk with the last id of the chunk."""
        group, index = divmod(number, _GROUP)
        if group not in self._groups:
            return
        self._digests.discard(self._groups[group][index])
        if index == _GROUP - 1:
            del self._groups[group]
            self._unsaved.discard(group)
            self._dropped.append(chunk_id(group, MESSAGE_IDS))


def _digest(message_id: str) -> bytes:
    return hashlib.blake2b(message_id.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()
