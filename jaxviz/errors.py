"""Errors: every failure that a user can cause, one line that names the thing, the value and the remedy."""

__all__ = ["JaxvizError", "ModelFileError"]


class JaxvizError(ValueError):
    """A request that cannot be met; the message is one line, fit to be shown as it is."""


class ModelFileError(JaxvizError):
    """A model file that is refused; the message says which layer or part is why."""
