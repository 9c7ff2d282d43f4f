# The client of rudder-sdk-python 2.1; each call returns whether it was queued, and the message.

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

_Object: TypeAlias = Mapping[str, Any]
_Sent: TypeAlias = tuple[bool, dict[str, Any]]

class Client:
    def __init__(
        self,
        write_key: str,
        host: str | None = None,
        debug: bool = False,
        max_queue_size: int = 10000,
        send: bool = True,
        on_error: Callable[[Exception, Sequence[dict[str, Any]]], None] | None = None,
        gzip: bool = False,
        max_retries: int = 10,
        sync_mode: bool = False,
        timeout: float = 15,
        proxies: Mapping[str, str] | None = None,
        thread: int = 1,
        upload_size: int = 100,
        upload_interval: float = 0.5,
    ) -> None: ...
    def identify(
        self,
        user_id: str | None = None,
        traits: _Object | None = None,
        context: _Object | None = None,
        timestamp: datetime | None = None,
        anonymous_id: str | None = None,
        integrations: _Object | None = None,
        message_id: str | None = None,
    ) -> _Sent: ...
    def track(
        self,
        user_id: str | None = None,
        event: str | None = None,
        properties: _Object | None = None,
        context: _Object | None = None,
        timestamp: datetime | None = None,
        anonymous_id: str | None = None,
        integrations: _Object | None = None,
        message_id: str | None = None,
    ) -> _Sent: ...
    def alias(
        self,
        previous_id: str | None = None,
        user_id: str | None = None,
        context: _Object | None = None,
        timestamp: datetime | None = None,
        integrations: _Object | None = None,
        message_id: str | None = None,
    ) -> _Sent: ...
    def group(
        self,
        user_id: str | None = None,
        group_id: str | None = None,
        traits: _Object | None = None,
        context: _Object | None = None,
        timestamp: datetime | None = None,
        anonymous_id: str | None = None,
        integrations: _Object | None = None,
        message_id: str | None = None,
    ) -> _Sent: ...
    def page(
        self,
        user_id: str | None = None,
        category: str | None = None,
        name: str | None = None,
        properties: _Object | None = None,
        context: _Object | None = None,
        timestamp: datetime | None = None,
        anonymous_id: str | None = None,
        integrations: _Object | None = None,
        message_id: str | None = None,
    ) -> _Sent: ...
    def screen(
        self,
        user_id: str | None = None,
        category: str | None = None,
        name: str | None = None,
        properties: _Object | None = None,
        context: _Object | None = None,
        timestamp: datetime | None = None,
        anonymous_id: str | None = None,
        integrations: _Object | None = None,
        message_id: str | None = None,
    ) -> _Sent: ...
    def flush(self) -> None: ...
    def join(self) -> None: ...
    def shutdown(self) -> None: ...
