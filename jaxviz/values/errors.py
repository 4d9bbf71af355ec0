"""Errors and warnings that a user can cause: one line each that names the thing, the value and the remedy."""

__all__ = ["JaxvizError", "JaxvizWarning", "ModelFileError"]


class JaxvizError(ValueError):
    """A request that cannot be met; the message is one line, fit to be shown as it is."""

    def __str__(self) -> str:
        # Names from a file may hold anything, line breaks included.
        return " ".join(super().__str__().split())


class ModelFileError(JaxvizError):
    """A model file that is refused; the message says which layer or part is why."""


class JaxvizWarning(UserWarning):
    """A result that is not what was asked for, such as an image that became NaN; the message is one line."""
