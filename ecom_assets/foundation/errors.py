"""The errors that a user can act on. Each message is one clear line without a secret."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_TOLD = 20
"""How many mistakes of one declaration a message tells: more of them mostly have one cause."""


class IngestError(Exception):
    """A failure with a message for the user; the command line shows it without a traceback."""


class DeclarationError(IngestError):
    """A declaration is wrong: which file, where in it, what was found, what is allowed."""

    def __init__(
        self, file: str, path: str, found: str, allowed: str, others: Sequence[DeclarationError] = ()
    ) -> None:
        """Keep the four parts; the message is `<file>: <path>: found <found>; allowed: <allowed>`.

        Args:
            file: What messages call the file.
            path: The place in the file.
            found: What it has.
            allowed: What it may have.
            others: The other mistakes of the declaration. Each is a line of the message.
        """
        lines = [f"{file}: {path}: found {found}; allowed: {allowed}", *map(str, others[: _MOST_TOLD - 1])]
        if left := len(others) - len(lines) + 1:
            lines.append(f"{file}: {left} more mistakes")
        super().__init__("\n".join(lines))
        self.file = file
        self.path = path
        self.found = found
        self.allowed = allowed
        self.others = tuple(others)


def combined(errors: Sequence[DeclarationError]) -> DeclarationError:
    """Return one error that tells all mistakes of a declaration, each place once, in their order."""
    by_place: dict[tuple[str, str], DeclarationError] = {}
    for error in errors:
        for each in (DeclarationError(error.file, error.path, error.found, error.allowed), *error.others):
            by_place.setdefault((each.file, each.path), each)
    first, *others = by_place.values()
    return DeclarationError(first.file, first.path, first.found, first.allowed, others)


class MissingSecret(IngestError):
    """A secret is in none of the places where it may be."""


class ApiError(IngestError):
    """The API sent a wrong response, or none."""


class RefusedRequest(ApiError):
    """The API refused what a request asks for, with a status such as 400 or 422."""


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
