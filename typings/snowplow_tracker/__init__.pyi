# The part of snowplow-tracker 1.1 that the tests use; the package does not export its types by name.

from collections.abc import Sequence
from typing import Any, Literal

import requests

class SelfDescribingJson:
    def __init__(self, schema: str, data: Any) -> None: ...

class Event: ...

class SelfDescribing(Event):
    def __init__(
        self, event_json: SelfDescribingJson, *, context: Sequence[SelfDescribingJson] | None = None
    ) -> None: ...

class PageView(Event):
    def __init__(self, page_url: str, page_title: str | None = None) -> None: ...

class ScreenView(Event):
    def __init__(self, id_: str, name: str) -> None: ...

class StructuredEvent(Event):
    def __init__(self, category: str, action: str, *, value: float | None = None) -> None: ...

class Subject:
    def set_user_id(self, user_id: str) -> Subject: ...

class Emitter:
    def __init__(
        self,
        endpoint: str,
        protocol: Literal["http", "https"] = "https",
        *,
        method: Literal["get", "post"] = "post",
        batch_size: int | None = None,
        max_retry_delay_seconds: int = 60,
        session: requests.Session | None = None,
    ) -> None: ...

class Tracker:
    def __init__(
        self, namespace: str, emitters: Emitter, *, subject: Subject, app_id: str, encode_base64: bool = True
    ) -> None: ...
    def track(self, event: Event) -> None: ...
    def flush(self) -> None: ...
