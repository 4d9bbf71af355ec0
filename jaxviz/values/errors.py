"""Errors and warnings that a user can cause: one line each that names the thing, the value and the remedy."""

__all__ = ["JaxvizError", "JaxvizWarning", "ModelFileError"]


class JaxvizError(ValueError):
    """A request that cannot be fulfilled; the message is one line that can be shown to the user."""

    def __str__(self) -> str:
        # Names from a file may hold anything, line breaks included.
        return " ".join(super().__str__().split())


class ModelFileError(JaxvizError):
    """A model file that is refused; the message names the layer or part that is the reason."""


class JaxvizWarning(UserWarning):
    """A result that may surprise, such as an image that became NaN; the message is one line."""
