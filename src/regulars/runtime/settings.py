"""How a server runs: from flags, and from the environment where a flag is absent."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from regulars.core.errors import Rejected

PREFIX = "REGULARS_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the processes of one server share. Each field is also read from REGULARS_<FIELD>."""

    shop: Path
    data: Path
    host: str = "127.0.0.1"
    port: int = 8765
    public_url: str | None = None  # how customers reach the server, as in "https://shop.example/regulars"
    trusted_proxies: str | None = None  # addresses or networks, with commas, whose X-Forwarded-… is believed
    log_hours: float = 72.0  # how long folded and sealed records stay in the log
    log_max_bytes: int | None = None  # the log refuses records beyond this size
    state_max_bytes: int | None = None
    seal_seconds: float = 180.0
    seal_records: int = 20_000  # an unsealed tail of this many log records is sealed at once
    profile_table_seconds: float = 60.0
    compact_seconds: float = 900.0
    tick_seconds: float = 60.0
    train_hours: float = 24.0  # how often recommendation models are trained; 0: only by `regulars train`
    decide_waits: bool = False  # whether the answer of a decision waits until its record is durable
    stop_seconds: float = 15.0  # what a graceful stop may take before it becomes a kill

    def __post_init__(self) -> None:
        if not 0 < self.port < 65_536:
            raise ValueError(f"port must lie between 1 and 65535, got {self.port}")
        if self.train_hours < 0:
            raise ValueError(f"train_hours must not be negative, got {self.train_hours}")
        for name in ("log_hours", "seal_seconds", "profile_table_seconds", "compact_seconds", "tick_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    @property
    def public_address(self) -> str:
        """Where customers find the server: what links in messages begin with."""
        return (self.public_url or self.address).rstrip("/")

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"


def settings(shop: Path | str, *, environ: Mapping[str, str] = os.environ, **flags: Any) -> Settings:
    """Flags first (None: not given), then REGULARS_*, then the defaults.

    >>> settings("my-shop", environ={"REGULARS_PORT": "9000"}).port
    9000
    """
    shop = Path(shop).absolute()
    values: dict[str, Any] = {"shop": shop, "data": shop / "data"}
    given = {name for name, value in flags.items() if value is not None}
    for field in msgspec.structs.fields(Settings):
        name = PREFIX + field.name.upper()
        if field.name != "shop" and environ.get(name) and field.name not in given:
            values[field.name] = _read(name, environ[name], field.type)
    values.update({name: value for name, value in flags.items() if value is not None})
    values["data"] = Path(values["data"]).absolute()
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise Rejected(
            f"a setting is wrong: {error}", field="settings", expected="see `regulars serve --help`"
        ) from None


def to_argument(value: Settings) -> str:
    """The settings for the command line of a child process."""
    return msgspec.json.encode(value, enc_hook=str).decode()


def from_argument(text: str) -> Settings:
    """The inverse of `to_argument`."""
    return msgspec.json.decode(text, type=Settings, dec_hook=lambda kind, value: kind(value))


def _read(name: str, text: str, kind: Any) -> Any:
    if kind is Path:
        return Path(text)
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        wanted = "a number" if kind is not str else "text"
        raise Rejected(f"{name} is {text!r}; expected {wanted}", field=name, expected=wanted, got=text) from None
