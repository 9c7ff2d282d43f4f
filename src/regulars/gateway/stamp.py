"""What the server adds to every answer."""


class Stamp:
    """The headers that the server adds to every answer, as bytes; made anew when the server changes them."""

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] | None = None
        self._text = b""

    def of(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The bytes."""
        if headers is not self._headers:
            self._headers = headers
            self._text = b"".join([b"%b: %b\r\n" % pair for pair in headers])
        return self._text
