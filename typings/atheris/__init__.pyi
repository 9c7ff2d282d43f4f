from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

def instrument_imports(include: Iterable[str] = ..., exclude: Iterable[str] = ...) -> AbstractContextManager[None]: ...
def Setup(argv: list[str], target: Callable[[bytes], None]) -> list[str]: ...  # noqa: N802 - its own name
def Fuzz() -> None: ...  # noqa: N802 - its own name
