"""Whatever is wrong gets one clear message that says what, where, what was expected and what to do."""

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regulars.testing import Product, free_port
from tests.acceptance.shop import SERVER_KEY, make_shop, viewed, views

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SERVER = (SERVER_KEY, "")
INPUT, DEFECT = 2, 70
HEAD = "order_id,customer_id,date,product_id,quantity,total\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "shop")


def regulars(*arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "regulars", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment}
    )


def refused(done: "subprocess.CompletedProcess[str]", *said: str, code: int = INPUT) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for words in said:
        assert words in done.stdout + done.stderr


# The server -----------------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_one_message(shop: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(regulars("serve", shop, "--port", str(port)), f"port {port} of 127.0.0.1 is in use", "--port")
    assert not (shop / "data").exists()


def test_an_address_of_another_machine_is_refused(shop: Path) -> None:
    refused(regulars("serve", shop, "--host", "192.0.2.1", "--port", str(free_port())), "cannot listen at 192.0.2.1")


def test_two_servers_never_share_a_data_folder(shop: Path, tmp_path: Path) -> None:
    with Product(shop, tmp_path / "data") as product:
        done = regulars("serve", shop, "--data", tmp_path / "data", "--port", str(free_port()))
        refused(done, "is in use by the server at", product.address, "--data")


def test_a_data_folder_of_a_newer_version_is_left_alone(shop: Path) -> None:
    with Product(shop, shop / "data") as product:
        product.http.post("/v1/track", json=viewed("m1"), auth=SERVER)
    (shop / "data" / "VERSION").write_text("99\n", encoding="utf-8")
    refused(regulars("serve", shop), "was written by a newer Regulars", "version 99", "nothing was changed")
    (shop / "data" / "VERSION").write_text("1\n", encoding="utf-8")
    with Product(shop, shop / "data") as product:
        product.wait_folded()
        assert views(product.http) == 1


def test_a_folder_that_holds_something_else_is_no_data_folder(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "ana.jpg").write_bytes(b"x")
    refused(
        regulars("serve", shop, "--data", tmp_path / "photos"), "is no data folder", "name an empty or a new folder"
    )
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["ana.jpg"]


def test_a_setting_that_is_no_number_names_itself(shop: Path) -> None:
    refused(regulars("serve", shop, REGULARS_LOG_HOURS="three days"), "REGULARS_LOG_HOURS", "three days", "a number")


def test_a_full_disk_is_answered_with_try_again_and_loses_nothing(shop: Path, tmp_path: Path) -> None:
    with Product(shop, tmp_path / "data") as product:
        for number in range(20):
            assert product.http.post("/v1/track", json=viewed(f"before-{number}"), auth=SERVER).status_code == 200
        product.wait_folded()
        with full_disk(product, "gateway"):
            answer = product.http.post("/v1/batch", json={"batch": [large(n) for n in range(8)]}, auth=SERVER)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            assert "/data/log/" in answer.json()["detail"]
            assert product.http.get("/health").status_code == 200
        until = time.monotonic() + 20
        while product.http.post("/v1/track", json=viewed("after"), auth=SERVER).status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        product.wait_folded()
        assert views(product.http) == 21
        assert views(product.http, "large") == 0


def test_when_the_state_cannot_grow_events_wait_in_the_log_and_ready_says_why(shop: Path, tmp_path: Path) -> None:
    with Product(shop, tmp_path / "data") as product:
        with full_disk(product, "updater"):
            for number in range(20):
                assert product.http.post("/v1/track", json=viewed(f"m{number}"), auth=SERVER).status_code == 200
            until = time.monotonic() + 20
            while "state.db" not in " ".join((ready := product.ready())["reasons"]):
                assert time.monotonic() < until, ready
                time.sleep(0.1)
        product.wait_folded()
        assert views(product.http) == 20


@contextmanager
def full_disk(product: Product, name: str) -> Iterator[None]:
    """No file that the process writes may grow: to it the disk is full."""
    pid = product.pids()[name]
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def large(number: int) -> dict[str, object]:
    return {**viewed(f"large-{number}", "large"), "properties": {"product_id": "1", "note": "x" * 30_000}}


# The shop's folder ----------------------------------------------------------------------------------------------------


def test_check_finds_every_mistake_of_a_shop_folder_at_once(tmp_path: Path) -> None:
    broken = make_shop(
        tmp_path / "broken",
        traits='[traits.views]\nkind = "cuont"\nevents = ["Product Vewed"]\n',
        segments='[segments.regulars]\nwhen = "ordrs >= 2"\n',
    )
    done = regulars("check", broken)
    refused(done, "traits.toml:2", "did you mean 'count'", "segments.toml")
    assert len(done.stdout.splitlines()) >= 2
    refused(regulars("serve", broken), "traits.toml:2", "segments.toml")
    assert not (broken / "data").exists()
    fine = regulars("check", make_shop(tmp_path / "fine"))
    assert (fine.returncode, "no mistake" in fine.stdout) == (0, True)


def test_a_shop_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    for command in ("serve", "check", "explain"):
        refused(regulars(command, tmp_path / "nowhere"), "is not a folder", "regulars init")


def test_a_new_shop_is_made_once_and_serves(tmp_path: Path) -> None:
    made = regulars("init", tmp_path / "mine", "--name", "Mine")
    assert made.returncode == 0, made.stderr
    assert "sk_" in made.stdout
    key = next(word for word in made.stdout.split() if word.startswith("sk_"))
    assert not [path for path in (tmp_path / "mine").rglob("*.toml") if key in path.read_text(encoding="utf-8")]
    refused(regulars("init", tmp_path / "mine"), "already exists")
    assert regulars("check", tmp_path / "mine").returncode == 0
    assert "Mine" in regulars("explain", tmp_path / "mine").stdout
    with Product(tmp_path / "mine", tmp_path / "mine" / "data") as product:
        assert product.http.get("/ready").status_code == 200


# Files ----------------------------------------------------------------------------------------------------------------


def test_a_bad_row_is_named_with_file_and_line_and_the_others_come_in(shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        HEAD + "o1,ana,2026-03-01 10:00,p1,1,4.90\no2,bob,2026-03-02,p1,1\n"  # half a row
        "o3,cee,2026-03-03,p1,many,4.90\no4,dee,2026-03-04,p3,1,9.90\n",
        encoding="utf-8",
    )
    done = regulars("import", shop, file, "--kind", "order-lines")
    refused(done, "2 orders imported", f"{file}:3: expected 6 cells", f"{file}:4: quantity: expected a number")
    with Product(shop, shop / "data") as product:
        found = product.http.get("/v1/profiles/user_id:dee", auth=SERVER).json()
        assert found["traits"]["revenue"] == 990
        assert product.http.get("/v1/profiles/user_id:bob", auth=SERVER).status_code == 404
        file.write_text(HEAD + "o1,ana,2026-03-01 10:00,p1,1,4.90\no2,bob,2026-03-02,p1,1,5\n", encoding="utf-8")
        refused(regulars("import", shop, file, "--kind", "order-lines"), "give a server key", "--key")
        done = regulars("import", shop, file, "--kind", "order-lines", REGULARS_KEY="sk_nobody")
        refused(done, "belongs to no source")
        done = regulars("import", shop, file, "--kind", "order-lines", REGULARS_KEY=SERVER_KEY)
        assert done.returncode == 0, done.stderr
        product.wait_folded()
        assert product.http.get("/v1/profiles/user_id:ana", auth=SERVER).json()["traits"]["orders"] == 1
        assert product.http.get("/v1/profiles/user_id:bob", auth=SERVER).json()["traits"]["revenue"] == 500


def test_events_come_from_ndjson_and_parquet_and_a_half_written_line_is_named(shop: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"event": "Product Viewed", "user_id": "ana", "timestamp": "2026-03-01", "product_id": "p1"})]
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(lines) + '\n{"event": "Product Vie', encoding="utf-8")
    refused(regulars("import", shop, file, "--kind", "events"), f"{file}:2: expected one JSON object on a line")
    table = {"event": ["Product Viewed"] * 2, "user_id": ["ana", "bob"], "product_id": ["p2", "p3"]}
    pq.write_table(pa.table({**table, "timestamp": ["2026-03-02", "2026-03-02"]}), tmp_path / "events.parquet")
    done = regulars("import", shop, tmp_path / "events.parquet", "--kind", "events")
    assert done.returncode == 0, done.stderr
    with Product(shop, shop / "data") as product:
        assert (views(product.http, "ana"), views(product.http, "bob")) == (2, 1)


def test_products_come_from_csv(shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text("id;title;price;stock\np1;Bell;4,90;3\np2;Oil;cheap;\n;Nothing;1;\n", encoding="utf-8")
    done = regulars("import", shop, file, "--kind", "products")
    refused(done, "1 items imported", f"{file}:3: price: expected a price", f"{file}:4: id: expected the id")
    with Product(shop, shop / "data") as product:
        assert product.http.get("/v1/catalog/items/p1", auth=SERVER).json()["price"] == 490


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("orders.xlsx", b"PK", "say it with --format"),
        ("orders.csv", b"", "no line with the names of its columns"),
        ("orders.csv", HEAD.encode() + b"\n" * 300_000 + b"o1,J\xfcrgen,\n", "save it as UTF-8"),
        ("orders.csv.gz", b"\x1f\x8b\x08\x00cut", "FILE"),
        ("orders.parquet", b"not parquet", "is not a whole Parquet file"),
    ],
    ids=["format", "empty", "encoding", "gzip", "parquet"],
)
def test_a_file_that_cannot_be_read_says_why(shop: Path, tmp_path: Path, name: str, content: bytes, said: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    done = regulars("import", shop, file, "--kind", "orders")
    refused(done, said if said != "FILE" else name)
    refused(regulars("import", shop, tmp_path / "gone.csv", "--kind", "orders"), "is not a file")


# Our fault ------------------------------------------------------------------------------------------------------------


def test_a_defect_of_ours_has_its_own_exit_code_and_a_report_instead_of_a_traceback(tmp_path: Path) -> None:
    program = (
        "import sys; from regulars.cli import _main; import regulars.cli.check as check; "
        "check.check = lambda shop: 1 / 0; sys.exit(_main.run(['check', '.']))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    refused(done, "a defect of Regulars", "ZeroDivisionError", code=DEFECT)
    (report,) = tmp_path.glob("regulars-crash-*.txt")
    assert "Traceback" in report.read_text(encoding="utf-8")
