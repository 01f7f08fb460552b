"""What this process has written to a changelog partition and not read back, where it reads what others write there."""

from collections import deque
from collections.abc import Callable, Collection
from typing import Any


class Echoes:
    """Decides between what this process has written of a key and what it reads of it, as the changelog's order does.

    Step by step: somebody else writes K, and this process does, behind it; what it has written is confirmed before the
    other record is read. That one must not take the place of what will be read in a moment. The same during a recovery,
    in which a timer or a task of a body sets K before an older record of K is read.

    And the other way round: the other record is behind this process's own. Which it is nobody knows before all is read
    up to the last record that was written with K. So what is read of K until then is held back, and the last of it is
    what counts.
    """

    __slots__ = ("_held", "_landed", "_read_to")

    def __init__(self) -> None:
        self._landed: deque[tuple[int, Collection[Any]]] = deque()
        self._held: dict[Any, Any] = {}
        self._read_to = -1

    def __contains__(self, mark: object) -> bool:
        """Whether something of a key is confirmed and not read back."""
        return any(mark in marks for _, marks in self._landed)

    def land(self, offset: int, marks: Collection[Any]) -> None:
        """Keys are confirmed, the last of them at this offset."""
        self._landed.append((offset, marks))

    def hold(self, mark: Any, event: Any) -> None:
        """Something was read of a key that this process has written; None for what counts as late.

        That is what was written here, as a rule; so nothing that was read before it counts.
        """
        if event is None:
            self._held.pop(mark, None)
        else:
            self._held[mark] = event

    def read_to(self, offset: int, is_changed: Callable[[Any], Any]) -> list[Any]:
        """All is read up to an offset, or was before.

        Args:
            offset: in the changelog.
            is_changed: whether there is something newer of a key, which is on its way.

        Returns:
            what was held back, and counts now.
        """
        self._read_to = max(self._read_to, offset)
        found = []
        while self._landed and self._landed[0][0] <= self._read_to:
            _, marks = self._landed.popleft()
            for mark in [mark for mark in self._held if mark in marks]:
                if not is_changed(mark) and mark not in self:
                    found.append(self._held.pop(mark))
        return found
