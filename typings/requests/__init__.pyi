# The part of requests that the tests hand to a client; the package ships no types.

class Session:
    auth: tuple[str, str] | None
