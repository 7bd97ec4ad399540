"""The evidence for a guess, and its level: seen in answers of the API, described in a file, or assumed."""

from __future__ import annotations

SEEN, DESCRIBED, ASSUMED = "seen", "described", "assumed"


class Evidence(str):
    """A text that says why a guess was made; a plain text is evidence that was seen."""

    level: str

    def __new__(cls, text: str, level: str) -> Evidence:
        """Return a text with its level."""
        evidence = super().__new__(cls, text)
        evidence.level = level
        return evidence


def described(text: str) -> Evidence:
    """Return evidence from a description alone."""
    return Evidence(text, DESCRIBED)


def assumed(text: str) -> Evidence:
    """Return the reason for a guess that neither an answer nor a description shows."""
    return Evidence(text, ASSUMED)


def level_of(evidence: str) -> str:
    """Return the level of evidence: `seen`, `described` or `assumed`."""
    return evidence.level if isinstance(evidence, Evidence) else SEEN


def weakest(*evidence: str) -> str:
    """Return the weakest level of several pieces of evidence."""
    levels = {level_of(entry) for entry in evidence if entry}
    return next((level for level in (ASSUMED, DESCRIBED) if level in levels), SEEN)


def marked(evidence: str) -> str:
    """Return evidence as a comment: what was not seen says so."""
    level = level_of(evidence)
    says_so = level == SEEN or (level == DESCRIBED and DESCRIBED in evidence)
    return evidence if says_so or not evidence else f"{level}: {evidence}"
