"""Distribution: options -> this process as one of several processes that share the work."""

import os
import sys

from jaxviz.values.errors import JaxvizError

__all__ = ["is_first", "join"]


def join(*, distributed: bool, coordinator: str | None, processes: int | None, process: int | None) -> None:
    """Joins the processes that share a command's work, before anything else of JAX is used.

    Args:
      distributed: find the others by the environment of Slurm, Open MPI, Kubernetes or Cloud TPU, unless they are
        named.
      coordinator: host and port of the first process.
      processes: how many there are.
      process: the number of this one, from 0.

    Raises:
      JaxvizError: only some of the three are given, they are out of range, or the environment does not tell.
    """
    told = {"--coordinator": coordinator, "--processes": processes, "--process": process}
    if missing := [name for name, value in told.items() if value is None]:
        if len(missing) < len(told):
            raise JaxvizError(f"{', '.join(missing)}: missing; --coordinator, --processes and --process go together")
        if not distributed:
            return
    elif processes is not None and process is not None and not 0 <= process < processes:
        raise JaxvizError(f"--process {process} of --processes {processes}: give a number from 0 to {processes - 1}")
    import jax

    try:
        jax.distributed.initialize(coordinator, processes, process)
        _keep_stdout_clean()
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()).removesuffix(".")
        named = "; give --coordinator HOST:PORT, --processes N and --process I" if coordinator is None else ""
        raise JaxvizError(f"cannot join the other processes: {reason}{named}") from error


def is_first() -> bool:
    """Returns whether this process prints, and writes the files that exist once."""
    import jax

    return jax.process_index() == 0


def _keep_stdout_clean() -> None:
    """Sends to stderr what libraries of C++ print: Gloo, by which JAX's processes talk on a CPU, prints to stdout."""
    sys.stdout.flush()
    own = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = os.fdopen(own, "w", buffering=1, encoding=sys.stdout.encoding)
