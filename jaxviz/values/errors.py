"""Errors and warnings that a user can cause: one line each that names the thing, the value and the remedy."""

__all__ = [
    "JaxvizError",
    "JaxvizWarning",
    "ModelFileError",
    "OutOfRangeError",
    "OwnFunctionError",
    "UnknownNameError",
]


class JaxvizError(ValueError):
    """A request that cannot be fulfilled; the message is one line that can be shown to the user."""

    def __str__(self) -> str:
        # Names from a file may hold anything, line breaks included.
        return " ".join(Exception.__str__(self).split())


class ModelFileError(JaxvizError):
    """A model file that is refused; the message names the layer or part that is the reason."""


class UnknownNameError(JaxvizError, KeyError):
    """A name that a mapping does not have, such as that of a layer."""


class OutOfRangeError(JaxvizError, IndexError):
    """An index beyond what there is, such as that of a channel."""


class OwnFunctionError(JaxvizError):
    """A user's own function that fails, such as an objective; the message says at which of its lines, the cause why."""


class JaxvizWarning(UserWarning):
    """A result that may surprise, such as an image that became NaN; the message is one line."""
