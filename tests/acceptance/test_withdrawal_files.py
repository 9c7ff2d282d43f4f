"""A withdrawal through the front door: the rows that only it admitted are in no file of the lake any more."""

import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop

pytestmark = pytest.mark.acceptance
SERVER = (SERVER_KEY, "")


def rows(data: Path) -> set[tuple[str, str]]:
    """Subject and name of every row of every Parquet file of events, listed or not."""
    found: set[tuple[str, str]] = set()
    for file in (data / "lake").rglob("*.parquet"):
        try:
            table = pq.ParquetFile(file).read()
        except FileNotFoundError:  # swept meanwhile
            continue
        if {"subject", "name"} <= set(table.schema.names):
            found |= {(str(row["subject"]), str(row["name"])) for row in table.select(["subject", "name"]).to_pylist()}
    return found


def wait_for(data: Path, wanted: set[tuple[str, str]]) -> None:
    end = time.monotonic() + 90
    while (found := rows(data)) != wanted:
        assert time.monotonic() < end, f"the lake holds {found}"
        time.sleep(0.2)


def test_the_rows_of_a_withdrawn_purpose_leave_the_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Product(make_shop(tmp_path / "shop"), data, environment={"REGULARS_SEAL_SECONDS": "1"}) as product:
        for user in ("ana", "ben"):
            events = [
                {"event": "Consent Updated", "properties": {"purposes": {"analytics": True}}},
                {"event": "Product Liked", "properties": {"product_id": "p1"}},
                {"event": "Product Viewed", "properties": {"product_id": "p1"}},
            ]
            for number, event in enumerate(events):
                body = {"type": "track", "userId": user, "messageId": f"{user}-{number}", **event}
                assert product.http.post("/v1/track", json=body, auth=SERVER).status_code == 200
        product.wait_folded()
        names = ("Consent Updated", "Product Liked", "Product Viewed")
        everything = {(f"user_id:{user}", name) for user in ("ana", "ben") for name in names}
        wait_for(data, everything)
        said = {"identifier": "user_id:ana", "purpose": "analytics", "granted": False, "reason": "by letter"}
        assert product.http.post("/v1/privacy/consent", json=said, auth=SERVER).status_code == 200
        wait_for(data, everything - {("user_id:ana", "Product Liked")})
