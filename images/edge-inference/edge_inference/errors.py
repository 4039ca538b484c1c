"""Why a request gets no answer; the message is told to whoever asked."""


class InferenceError(Exception):
    """Any of these."""


class InvalidRequest(InferenceError):
    """The request itself is wrong: asking again gives the same."""


class NotFound(InferenceError):
    """There is no such model, or not in that version."""


class TooLarge(InferenceError):
    """The request takes more than one may."""


class Unavailable(InferenceError):
    """Nothing is wrong with the request: too much waits, or the server ends. Another one may take it."""


class ModelFailed(InferenceError):
    """The model took the inputs and broke."""


class NoModel(InferenceError):
    """A model cannot be loaded."""
