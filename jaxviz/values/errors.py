"""Errors: every failure that a user can cause, one line that names the thing, the value and the remedy."""

__all__ = ["JaxvizError", "ModelFileError"]


class JaxvizError(ValueError):
    """A request that cannot be met; the message is one line, fit to be shown as it is."""

    def __str__(self) -> str:
        # Names from a file may hold anything, line breaks included.
        return " ".join(super().__str__().split())


class ModelFileError(JaxvizError):
    """A model file that is refused; the message says which layer or part is why."""
