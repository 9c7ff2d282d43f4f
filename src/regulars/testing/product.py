"""The product as a shop runs it: `regulars serve` in processes of its own, talked to over HTTP."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

#: How long a start may take on a busy machine; seconds.
START_SECONDS = 60.0


class Product:
    """A running server. `with Product(shop, data) as product: product.http.get("/ready")`."""

    def __init__(
        self,
        shop: Path,
        data: Path,
        *,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
        key: str = "",
    ) -> None:
        self.shop = shop
        self.data = data
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.address, timeout=60, auth=(key, "") if key else None)
        self.start_seconds = 0.0
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._output = tempfile.NamedTemporaryFile(prefix="regulars-", suffix=".log")  # noqa: SIM115 - closed by close()

    def start(self) -> Self:
        """Start and wait until it is ready; raises RuntimeError with what it printed when it ends instead."""
        began = time.monotonic()
        self._process = self.run()
        while not self._is_ready():
            if self._process.poll() is not None:
                raise RuntimeError(f"ended with exit code {self._process.returncode}:\n{self.printed()}")
            if time.monotonic() - began > START_SECONDS:
                self.kill()
                raise RuntimeError(f"not ready after {START_SECONDS:.0f} s:\n{self.printed()}")
            time.sleep(0.01)
        self.start_seconds = time.monotonic() - began
        return self

    def run(self) -> subprocess.Popen[bytes]:
        """Start without waiting; the process's output goes where `printed` reads."""
        command = [sys.executable, "-m", "regulars", "serve", str(self.shop), "--data", str(self.data)]
        return subprocess.Popen(
            [*command, "--port", str(self.port)],
            env=self._environment,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )

    def stop(self, number: int = signal.SIGTERM, *, seconds: float = 40) -> int:
        """Ask it to stop and wait; the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(seconds)
        self._process = None
        return code

    def kill(self) -> None:
        """End the supervisor without a word; its children follow by themselves, and are waited for."""
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                children = psutil.Process(self._process.pid).children(recursive=True)
                self._process.kill()
                # Until they are gone they may still answer, and whoever starts anew would take them for the new ones.
                psutil.wait_procs(children, timeout=20)
            self._process.wait()
            self._process = None

    def printed(self) -> str:
        """What the processes printed so far."""
        return Path(self._output.name).read_text(encoding="utf-8", errors="replace")

    def ready(self) -> dict[str, Any]:
        """What /ready says."""
        state: dict[str, Any] = self.http.get("/ready").json()
        return state

    def pids(self) -> dict[str, int]:
        """Process ids by name: supervisor, gateway, updater."""
        assert self._process is not None, "not started"  # noqa: S101 - a mistake of the caller
        children = {name: child["pid"] for name, child in self.ready()["supervisor"]["children"].items()}
        return {"supervisor": self._process.pid, **children}

    def memory(self) -> dict[str, int]:
        """Resident bytes by process name."""
        return {name: psutil.Process(pid).memory_info().rss for name, pid in self.pids().items()}

    def wait_folded(self, *, seconds: float = 60) -> float:
        """Wait until everything acknowledged is folded; how long it took, seconds."""
        began = time.monotonic()
        while True:
            with contextlib.suppress(httpx.HTTPError, KeyError, ValueError):
                if self.ready()["lag"]["records"] == 0:
                    return time.monotonic() - began
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"not folded after {seconds} s: {self.printed()[-2000:]}")
            time.sleep(0.01)

    def close(self) -> None:
        """Stop and forget."""
        try:
            self.stop()
        finally:
            self.http.close()
            self._output.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_ready(self) -> bool:
        try:
            return self.http.get("/ready").status_code == 200
        except httpx.HTTPError:
            return False


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
