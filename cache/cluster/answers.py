"""A worker's answer: the payload of a result, or the error in plain words. No exception ever travels pickled."""

import ioi_core
from cache.cluster.call import ClusterError
from cache.cluster.task import Answer
from cache.store.codec import DamagedPayloadError, decode, encode
from ioi_core.errors import IOIError

_ERRORS: dict[str, type[IOIError]] = {
    name: kind
    for name in ioi_core.__all__
    if isinstance(kind := getattr(ioi_core, name), type) and issubclass(kind, IOIError)
} | {"ClusterError": ClusterError}


STOPPED: Answer = {"stopped": True}
"""The answer of a run that was stopped since nobody waited: who gets it all the same has to ask again."""


class WorkerFailedError(Exception):
    """An analysis ended on a worker with an error that is none of this package's; the worker's log has the whole."""


def answer(key: str, result: object) -> Answer:
    """Return the answer that holds a result."""
    return {"payload": encode(key, result)}


def failure(error: Exception) -> Answer:
    """Return the answer that holds an error; of one that is not this package's only the kind, as its words may be
    anything."""
    if not isinstance(error, IOIError):
        return {"error": "", "words": type(error).__name__}
    cause = str(error.__cause__) if isinstance(error.__cause__, IOIError) else ""
    kind = next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _ERRORS), "IOIError")
    return {"error": kind, "words": str(error), "cause": cause}


def read(key: str, answered: Answer) -> object:
    """Return the result that an answer holds, or raise its error.

    Raises:
        ClusterError: the answer is damaged.
    """
    if isinstance(payload := answered.get("payload"), bytes | bytearray | memoryview):
        try:
            return decode(key, bytes(payload))
        except DamagedPayloadError as error:
            raise ClusterError("A worker's answer did not arrive whole. Please try again.") from error
    if not answered.get("error"):
        raise WorkerFailedError(str(answered.get("words", "")))
    cause = IOIError(str(answered["cause"])) if answered.get("cause") else None
    raise _ERRORS.get(str(answered["error"]), IOIError)(str(answered.get("words", ""))) from cause
