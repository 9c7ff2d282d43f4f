"""What other vendors' clients ask before they send anything: settings of a source, and flags that there are none of."""

from typing import Any, ClassVar

import msgspec

from regulars.api.hot import JSON, Answer, Done, Request, Route
from regulars.api.keys import Keys, allows_origin, keys_of
from regulars.api.metrics import Metrics
from regulars.api.problem import Problem
from regulars.core.definitions import Source
from regulars.runtime import Services

_SCRIPT = [(b"content-type", b"application/javascript; charset=utf-8")]
_encode = msgspec.json.encode
#: What PostHog's client may do besides capturing: nothing. Otherwise it would fetch further scripts.
_POSTHOG: dict[str, Any] = {
    "supportedCompression": ["gzip", "gzip-js"],
    "hasFeatureFlags": False,
    "analytics": {"endpoint": "/i/v0/e/"},
    "captureDeadClicks": False,
    "capturePerformance": False,
    "autocapture_opt_out": False,
    "autocaptureExceptions": False,
    "heatmaps": False,
    "surveys": False,
    "productTours": False,
    "conversations": False,
    "logs": {"captureConsoleLogs": False},
    "errorTracking": {"autocaptureExceptions": False, "suppressionRules": []},
    "sessionRecording": False,
    "toolbarParams": {},
    "isAuthenticated": False,
    "defaultIdentifiedOnly": True,
    "siteApps": [],
    "siteAppsJS": [],
    "config": {"enable_collect_everything": True},
}
_FLAGS = {
    "config": {"enable_collect_everything": True},
    "errorsWhileComputingFlags": False,
    "featureFlags": {},
    "featureFlagPayloads": {},
    "flags": {},
    "quotaLimited": [],
    "requestId": "",
}


def routes(services: Services, metrics: Metrics) -> dict[str, Route]:
    """By path. Only public keys of this shop have settings; any other path is not there."""
    keys = keys_of(services)
    flags = Flags("flags", 1_000_000, keys, metrics)
    found: dict[str, Route] = {"/flags/": flags, "/flags": flags, "/decide/": flags}
    source_config = SourceConfig("sourceConfig", 0, keys, metrics)
    found |= {"/sourceConfig/": source_config, "/sourceConfig": source_config}
    for source in services.definitions.sources:
        if source.kind == "browser":
            key = source.write_key
            found[f"/v1/projects/{key}/settings"] = SegmentSettings(source, keys, metrics)
            found[f"/array/{key}/config"] = PostHogConfig(source, keys, metrics)
            found[f"/array/{key}/config.js"] = PostHogScript(source, keys, metrics)
    return found


class Settings(Route):
    """A question by GET that is answered from the shop's folder alone."""

    scope = "collect"
    methods = ("GET",)

    def _take(self, request: Request, body: bytes, done: Done) -> None:
        done(self.counted(request, self.told(request)))

    def told(self, request: Request) -> Answer:
        """The answer."""
        raise NotImplementedError

    def readable(self, request: Request, source: Source, answer: tuple[list[tuple[bytes, bytes]], bytes]) -> Answer:
        """For pages that may use the source; settings are no secret, but nobody else needs them."""
        if request.origin and not allows_origin(source, request.origin):
            raise Problem(403, "pages of this origin may not use the source", field="Origin")
        headers, content = answer
        if not request.origin:
            headers = [*headers, (b"vary", b"origin")]  # a cache keeps no answer that lacks what a page needs
        return Answer(200, [*headers, *self.allowed(request.origin)], content)


class OfSource(Settings):
    """Settings whose path names the source."""

    said: ClassVar[str]

    def __init__(self, source: Source, keys: Keys, metrics: Metrics) -> None:
        super().__init__(self.said, 0, keys, metrics)
        self._source = source


class SegmentSettings(OfSource):
    """Segment's: where the events go, which is here."""

    said = "settings"

    def told(self, request: Request) -> Answer:
        """The host that was asked is the one that takes the events."""
        integration: dict[str, Any] = {"apiKey": self._source.write_key, "unbundledIntegrations": []}
        host = request.header(b"host").decode(errors="replace")
        if host:
            integration["apiHost"] = f"{host}/v1"
        settings = {"integrations": {"Segment.io": integration}, "plan": {"track": {"__default": {"enabled": True}}}}
        return self.readable(request, self._source, (JSON, _encode(settings)))


class PostHogConfig(OfSource):
    """PostHog's, as JSON."""

    said = "array"

    def told(self, request: Request) -> Answer:
        """Capture, and nothing else."""
        return self.readable(request, self._source, (JSON, _encode({"token": self._source.write_key, **_POSTHOG})))


class PostHogScript(OfSource):
    """PostHog's, as a script that a page includes."""

    said = "array"

    def told(self, request: Request) -> Answer:
        """The same, put where the client looks for it."""
        key = self._source.write_key
        config = {"config": {"token": key, **_POSTHOG}, "siteApps": []}
        # Keys and values are JSON, and no "<" is left that could end the script where it is put into a page.
        script = b"(function(){var c=window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{};c[%b]=%b})();" % (
            _encode(key),
            _encode(config),
        )
        return self.readable(request, self._source, (_SCRIPT, script.replace(b"<", rb"\u003c")))


class SourceConfig(Settings):
    """RudderStack's: the source of the key, which has no destinations of its own."""

    def told(self, request: Request) -> Answer:
        """The key comes as Basic and in the address."""
        source = request.source or self.known(request, request.asks("writeKey") or "")
        config = {
            "source": {
                "id": source.id,
                "name": source.id,
                "writeKey": source.write_key,
                "enabled": True,
                "workspaceId": "regulars",
                "updatedAt": "2020-01-01T00:00:00.000Z",
                "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
                "connections": [],
                "destinations": [],
                "dataplanes": {},
            }
        }
        return self.readable(request, source, (JSON, _encode(config)))


class Flags(Route):
    """PostHog's flags: there are none here; what to show whom is decided by `/v1/decide`."""

    scope = "collect"

    def _take(self, request: Request, body: bytes, done: Done) -> None:
        answer = Answer(200, [*JSON, *self.allowed(request.origin)], _encode(_FLAGS))
        done(self.counted(request, answer))
