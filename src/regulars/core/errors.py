"""Three ways to fail; anything else is a defect of ours and surfaces."""


class RegularsError(Exception):
    """A failure that is explained to whoever caused it. The message names what, where, expected and what to do."""


class Rejected(RegularsError):
    """The caller can fix it: a bad request, file, row or command."""

    def __init__(self, message: str, *, field: str = "", expected: str = "", got: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.expected = expected
        self.got = got


class Misconfigured(RegularsError):
    """The shop's definitions need an edit."""


class Unavailable(RegularsError):
    """The world outside failed (disk full, port in use, peer gone); try again after mending it."""
