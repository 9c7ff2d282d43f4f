"""The console: server-rendered pages for marketers, agents and privacy officers; `app` is what the gateway mounts."""

from regulars.console.app import app

__all__ = ["app"]
