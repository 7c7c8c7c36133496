"""The package's own errors, one small family: a page shows the message of any `IOIError` and stops."""


class IOIError(Exception):
    """Base of every error that this package raises on purpose; its text is meant for the visitor.

    Attributes:
        got: what was got, and why it cannot be used: all of the text where `change` is empty.
        change: what to do about it, which a page says first; the text says it last.
    """

    def __init__(self, got: str, change: str = "") -> None:
        super().__init__(f"{got}: {change}" if change else got)
        self.got, self.change = got, change


class SettingsError(IOIError):
    """An environment variable has a value that cannot be used."""


class PromptError(IOIError):
    """A prompt, name or answer cannot be used; the text shows the tokens and says what to change."""


class UnknownNameError(PromptError):
    """New first names would take the place of what may be no person's name."""


class PromptMismatchError(PromptError):
    """A clean and a corrupted prompt do not line up token by token."""


class NotIOIError(PromptError):
    """A prompt is no IOI sentence, and IO, S or the corrupted twin, which any other prompt needs, is not given."""


class ModelUnavailableError(IOIError):
    """A model cannot be loaded: not found, incomplete, of another architecture, or out of reach."""


class HeadError(IOIError):
    """A head does not exist in this model, or its name cannot be read."""


class ChoiceError(IOIError):
    """No activation, positions, direction, ablation ... has the given name; the text says which names exist."""
