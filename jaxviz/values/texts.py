"""Texts: words that go with a computation and make no difference to it."""

import dataclasses

__all__ = ["NO_TEXTS", "Texts"]


@dataclasses.dataclass(frozen=True, eq=False)
class Texts:
    """Texts, such as labels or the names of classes; all are equal, so that none compiles anything again."""

    texts: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Texts)

    def __hash__(self) -> int:
        return 0


NO_TEXTS = Texts()
