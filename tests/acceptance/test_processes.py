"""How the processes start, stop, and look after one another."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop, viewed, views

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SERVER = (SERVER_KEY, "")


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    with Product(make_shop(tmp_path / "shop"), tmp_path / "data") as started:
        yield started


def test_a_second_server_on_the_same_folder_is_refused(product: Product) -> None:
    """One gateway answers for a data folder: whatever counts once, as a token of /me does, counts once everywhere."""
    with pytest.raises(RuntimeError, match="is in use by the server at"):
        Product(product.shop, product.data).start()
    assert product.ready()["ready"] is True


def test_it_starts_within_3_seconds_in_300_mb_without_analysis_libraries(product: Product) -> None:
    assert product.start_seconds < 10  # the budget of 3 s is measured by benchmarks/startup.py on a quiet machine
    memory = product.memory()
    assert memory["gateway"] + memory["updater"] < 300e6
    for name, pid in product.pids().items():
        loaded = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
        assert not re.search(r"duckdb|pyarrow|libarrow|/ibis/", loaded), name


def test_what_was_acknowledged_is_there_after_a_restart(product: Product) -> None:
    for number in range(50):
        assert product.http.post("/v1/track", json=viewed(f"m{number}"), auth=SERVER).status_code == 200
    assert product.stop() == 0
    product.start()
    product.wait_folded()
    assert views(product.http) == 50
    assert product.http.post("/v1/track", json=viewed("m0"), auth=SERVER).status_code == 200
    product.wait_folded()
    assert views(product.http) == 50


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_requests_finish_and_ends_every_process(product: Product, number: signal.Signals) -> None:
    pids = product.pids()
    assert product.stop(number) == 0
    assert not [name for name, pid in pids.items() if psutil.pid_exists(pid)]
    assert "Traceback" not in product.printed()
    with pytest.raises(httpx.ConnectError):
        product.http.get("/health")


@pytest.mark.parametrize("name", ["gateway", "updater"])
def test_a_dead_process_is_started_again_and_ready_says_so(product: Product, name: str) -> None:
    before = product.pids()
    os.kill(before[name], signal.SIGKILL)
    until = time.monotonic() + 20
    child: dict[str, Any] = {"restarts": 0}
    while child["restarts"] == 0:
        assert time.monotonic() < until
        time.sleep(0.02)
        with contextlib.suppress(httpx.TransportError):
            answer = product.http.get("/ready")
            if answer.status_code == 200:
                child = answer.json()["supervisor"]["children"][name]
    assert (child["reason"], child["pid"] != before[name]) == ("ended by SIGKILL", True)
    assert product.http.post("/v1/track", json=viewed("after"), auth=SERVER).status_code == 200
    product.wait_folded()
    assert views(product.http) == 1


def test_while_the_updater_is_down_events_are_still_taken_and_ready_says_no(product: Product) -> None:
    updater = psutil.Process(product.pids()["updater"])
    updater.suspend()
    try:
        assert product.http.post("/v1/track", json=viewed("m1"), auth=SERVER).status_code == 200
        until = time.monotonic() + 30
        while (answer := product.http.get("/ready")).status_code == 200:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert "the updater has said nothing" in answer.json()["reasons"][0]
        assert answer.json()["lag"]["records"] >= 1
    finally:
        updater.resume()
    product.wait_folded()
    assert views(product.http) == 1


def test_children_end_with_a_killed_supervisor_and_the_next_server_takes_over(product: Product) -> None:
    product.http.post("/v1/track", json=viewed("m1"), auth=SERVER)
    pids = product.pids()
    product.kill()
    until = time.monotonic() + 30
    while [pid for pid in pids.values() if psutil.pid_exists(pid)]:
        assert time.monotonic() < until
        time.sleep(0.05)
    product.start()
    product.wait_folded()
    assert views(product.http) == 1


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_log_is_on_disk_before_an_event_is_acknowledged(product: Product, tmp_path: Path) -> None:
    traced = tmp_path / "strace.txt"
    calls = "trace=fsync,fdatasync,read,recvfrom,write,writev,sendto,sendmsg"
    command = ["strace", "-f", "-y", "-s", "96", "-e", calls, "-o", str(traced), "-p", str(product.pids()["gateway"])]
    strace = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert strace.stderr is not None
    first = strace.stderr.readline().decode()
    if "attached" not in first:
        strace.wait()
        pytest.skip(f"strace cannot attach to a process here: {first.strip()}")
    try:
        for number in range(20):
            assert product.http.post("/v1/track", json=viewed(f"traced-{number}"), auth=SERVER).status_code == 200
    finally:
        strace.send_signal(signal.SIGINT)
        strace.communicate(timeout=20)
    received = synced = acknowledged = 0
    for line in traced.read_text(encoding="utf-8", errors="replace").splitlines():
        if "POST /v1/track" in line:
            received, synced = received + 1, 0
        elif re.search(
            r"(?:fsync|fdatasync)\(\d+<[^>]*/log/\d+\.log>\)\s+= 0|<\.\.\. (?:fsync|fdatasync) resumed>", line
        ):
            synced += 1
        elif "HTTP/1.1 200 OK" in line:
            assert received == acknowledged + 1
            assert synced, f"the answer {acknowledged + 1} was written before the log was on disk"
            acknowledged += 1
    assert acknowledged == 20


def test_commands_of_an_unknown_name_and_help_tell_what_there_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "regulars", "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0
    for name in ("init", "serve", "check", "explain", "import", "trace", "backup", "restore"):
        assert f"\n  {name} " in done.stdout
    done = subprocess.run(
        [sys.executable, "-m", "regulars", "sevre"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, "sevre" in done.stderr) == (2, True)


def test_an_administrator_who_lost_the_password_gets_a_new_one(product: Product) -> None:
    command = [sys.executable, "-m", "regulars", "password", str(product.shop), "--data", str(product.data)]
    unknown = subprocess.run([*command, "nobody"], capture_output=True, text=True, check=False)
    assert (unknown.returncode, "nobody named 'nobody'" in unknown.stderr) == (2, True)
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    new = told.stdout.split(" with ")[1].split(" ")[0]
    first = re.search(r"[a-z2-9]{4}(?:-[a-z2-9]{4}){3}", product.printed())
    assert first is not None
    assert logs_in(product, new)
    assert not logs_in(product, first.group())
    key = product.http.post("/v1/users/password", json={"name": "admin", "password": "scrypt$x"}, auth=SERVER)
    assert key.status_code == 403  # whatever scopes a key of the shop has


def logs_in(product: Product, password: str) -> bool:
    with httpx.Client(base_url=product.address, timeout=60) as browser:
        csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get("/login").text)
        assert csrf is not None
        data = {"csrf": csrf.group(1), "name": "admin", "password": password}
        return browser.post("/login", data=data).status_code == 303


def test_only_a_trusted_proxy_is_believed_about_the_visitor(tmp_path: Path) -> None:
    said = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
    shop = make_shop(tmp_path / "shop")
    with Product(shop, tmp_path / "data", environment={"REGULARS_TRUSTED_PROXIES": "127.0.0.1"}) as product:
        assert "secure" in product.http.get("/login?language=de", headers=said).headers["set-cookie"].lower()
        assert "secure" not in product.http.get("/login?language=de").headers["set-cookie"].lower()
        assert product.http.post("/v1/track", json=viewed("m"), auth=SERVER, headers=said).status_code == 200
    with Product(shop, tmp_path / "data") as product:
        assert "secure" not in product.http.get("/login?language=de", headers=said).headers["set-cookie"].lower()
