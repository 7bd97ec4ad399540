"""The errors that a user can act on. Each message is one clear line without a secret."""

from __future__ import annotations


class IngestError(Exception):
    """A failure with a message for the user; the command line shows it without a traceback."""


class DeclarationError(IngestError):
    """A declaration is wrong: which file, where in it, what was found, what is allowed."""

    def __init__(self, file: str, path: str, found: str, allowed: str) -> None:
        """Keep the four parts; the message is `<file>: <path>: found <found>; allowed: <allowed>`."""
        super().__init__(f"{file}: {path}: found {found}; allowed: {allowed}")
        self.file = file
        self.path = path
        self.found = found
        self.allowed = allowed


class MissingSecret(IngestError):
    """A secret is in none of the places where it may be."""


class ApiError(IngestError):
    """The API sent a wrong response, or none."""


class RetryLater(ApiError):
    """The API asks for a pause that is longer than a run waits."""

    def __init__(self, message: str, seconds: float) -> None:
        """Keep the pause that the API asked for, in seconds."""
        super().__init__(message)
        self.seconds = seconds


class IncompleteSlice(ApiError):
    """A slice could not be proved complete."""

    endpoint: str | None = None
    """The name of the resource whose endpoint it is about, if that is known only after reading."""


class ListMoved(IncompleteSlice):
    """The list of a slice changed each time it was read."""


class WindowsFailed(ApiError):
    """Some windows of a resource failed, and the others were loaded."""


class ContractBroken(IngestError):
    """Records break the contract in a way that fails the resource instead of single rows."""

    resource: str | None = None
    """The name of the resource, if it is known."""


class BrokerError(IngestError):
    """The broker that runs share does not respond as it should."""


class WarehouseError(IngestError):
    """The warehouse cannot be opened, read or written."""


class NotPublished(WarehouseError):
    """The load is in the warehouse, but the copy for readers could not be replaced."""


def named_error(resource: str, error: IngestError) -> str:
    """Return an error's text with the name of its resource in front, once: many errors begin with it."""
    text = str(error)
    return text if text.startswith(f"{resource}: ") else f"{resource}: {text}"
