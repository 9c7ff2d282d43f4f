"""What stands at the doors of other vendors' formats: keys, origins, sizes, and the answers that clients start with."""

import gzip
import json

import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY
from tests.clients.shop import APP_ID, PAGES, WRITE_KEY

pytestmark = pytest.mark.acceptance
TP2, POSTHOG, UNOMI = "/com.snowplowanalytics.snowplow/tp2", "/batch/", "/cxs/eventcollector"


@pytest.mark.parametrize("path", [TP2, POSTHOG, UNOMI, "/cxs/context.json", "/e/", "/api/s/track"])
@pytest.mark.parametrize(
    "body", [b"", b"[", b"[1]", b"null", b'{"data":1,"batch":1,"events":1}', b"\x1f\x8bnothing", b"\xff"]
)
def test_what_nobody_can_read_is_told_so_and_never_a_defect(product: Product, path: str, body: bytes) -> None:
    answer = product.http.post(path, content=body, auth=(SERVER_KEY, ""))
    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or answer.json()["field"]


def test_a_tracker_of_no_application_is_refused(product: Product) -> None:
    event = {"e": "pv", "aid": "of-nobody", "duid": "d"}
    assert product.http.post(TP2, json={"data": [event]}).status_code == 401
    assert product.http.get("/i", params=event).status_code == 401
    assert product.http.post(UNOMI, json={"events": [{"scope": "of-nobody"}]}).status_code == 401
    assert product.http.post(POSTHOG, json={"batch": [{"event": "x"}]}).status_code == 401


def test_an_unfolded_bomb_is_too_large(product: Product) -> None:
    bomb = gzip.compress(b'{"api_key":"' + b" " * 5_000_000 + b'"}')
    assert product.http.post(POSTHOG, content=bomb).status_code == 413


def test_pages_of_another_origin_are_refused_in_a_way_that_a_client_can_read(product: Product, site_port: int) -> None:
    ours = f"http://{PAGES}:{site_port}"
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    allowed = product.http.options(TP2, headers={"origin": ours, **asked})
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == ours
    assert allowed.headers["access-control-allow-credentials"] == "true"
    event = {"data": [{"e": "pv", "aid": APP_ID, "duid": "d"}]}
    refused = product.http.post(TP2, json=event, headers={"origin": "https://elsewhere.example"})
    assert refused.status_code == 403
    assert refused.headers["access-control-allow-credentials"] == "true"
    assert "set-cookie" not in product.http.post(TP2, json=event, headers={"origin": ours}).headers


def test_a_pixel_is_a_picture(product: Product) -> None:
    answer = product.http.get("/i", params={"e": "pv", "aid": APP_ID, "duid": "pixel", "url": "https://shop.example/"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.content.startswith(b"GIF89a")


def test_the_key_of_a_beacon_stands_in_its_address(product: Product) -> None:
    call = {"type": "page", "anonymousId": "beacon", "messageId": "beacon-1"}
    sent = json.dumps({"batch": [call]})
    assert product.http.post("/beacon/v1/batch", params={"writeKey": WRITE_KEY}, content=sent).status_code == 200
    assert product.http.post("/beacon/v1/batch", params={"writeKey": "of nobody"}, content=sent).status_code == 401
    assert product.http.post("/beacon/v1/batch", content=sent).status_code == 401


def test_clients_are_told_where_to_send_and_of_no_flags(product: Product) -> None:
    segment = product.http.get(f"/v1/projects/{WRITE_KEY}/settings").json()["integrations"]["Segment.io"]
    assert segment["apiHost"] == product.address.removeprefix("http://") + "/v1"
    assert product.http.get("/v1/projects/of-nobody/settings").status_code == 404
    source = product.http.get("/sourceConfig/", params={"writeKey": WRITE_KEY}).json()["source"]
    assert (source["enabled"], source["destinations"]) == (True, [])
    assert product.http.get("/sourceConfig/", params={"writeKey": "of nobody"}).status_code == 401
    assert product.http.get(f"/array/{WRITE_KEY}/config").json()["sessionRecording"] is False
    assert product.http.get(f"/array/{WRITE_KEY}/config.js").text.startswith("(function(){")
    assert product.http.post("/flags/", json={"token": WRITE_KEY}).json()["featureFlags"] == {}
