"""Bad requests and failures as application/problem+json (RFC 9457): what, where, expected, what to do."""

from http import HTTPStatus
from typing import Any

import msgspec

from regulars.core.errors import Misconfigured, Rejected, Unavailable

CONTENT_TYPE = "application/problem+json"
#: After how many seconds a client should try again.
RETRY_AFTER = 1
#: Characters of a message and of what came: an answer never gives a large request back.
_DETAIL, _VALUE = 2000, 500


class Problem(Exception):
    """An answer that tells the caller what to mend."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        field: str = "",
        expected: str = "",
        got: str = "",
        headers: tuple[tuple[bytes, bytes], ...] = (),
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.expected = expected
        self.got = got
        self.headers = headers
        self.more = more

    def content(self) -> dict[str, Any]:
        """The members of the document; those without a value are left out."""
        phrase = HTTPStatus(self.status).phrase
        document: dict[str, Any] = {
            "type": f"/problems/{phrase.lower().replace(' ', '-')}",
            "title": phrase,
            "status": self.status,
            "detail": self.detail[:_DETAIL],
        }
        for name in ("field", "expected", "got"):
            value = getattr(self, name)
            if value:
                document[name] = value[:_VALUE]
        return document | self.more

    def body(self) -> bytes:
        """The document as JSON."""
        return msgspec.json.encode(self.content())


def problem_of(error: Exception) -> Problem:
    """What a failure means for the caller. A defect of ours is an Unavailable without its inside."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Rejected):
        too_much = error.expected.startswith("at most") and error.expected.endswith(("bytes", "events"))
        status = 413 if too_much and error.field in ("body", "batch") else 400
        return Problem(status, str(error), field=error.field, expected=error.expected, got=error.got)
    if isinstance(error, Unavailable | Misconfigured):
        return Problem(503, str(error), headers=((b"retry-after", str(RETRY_AFTER).encode()),))
    return Problem(
        503,
        "the server met a defect of its own and has logged it; nothing of this request was stored unless a 200 came. "
        "Try again, and report it if it stays",
        headers=((b"retry-after", b"5"),),
    )
