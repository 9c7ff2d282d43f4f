"""Machines told from people by what the network tells, from the request to the trace, the profile and the decision."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import FILES, SERVER_KEY, WRITE_KEY, make_shop, viewed

pytestmark = pytest.mark.acceptance

SERVER = (SERVER_KEY, "")
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
HOSTED, AT_HOME = "203.0.113.77", "198.51.100.23"
#: What a browser sends, and what is left when a script only takes its name.
REAL = {
    "user-agent": BROWSER, "accept-language": "de-DE,de;q=0.9", "sec-ch-ua-platform": '"Windows"',
    "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
}  # fmt: skip
NAMED = {"user-agent": BROWSER}
OFFERS = """
    [offers.everybodys]
    purpose = "contract"
    placements = ["hero"]
    value = 1

    [offers.people]
    purpose = "contract"
    placements = ["hero"]
    when = "not context.machine"
    value = 9
    """


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A shop behind a proxy, with one list of networks."""
    root = tmp_path_factory.mktemp("machines")
    shop = FILES["shop.toml"] + '[network]\nasn_header = "x-asn"\n'
    folder = make_shop(root / "shop", shop=shop)
    (folder / "networks").mkdir()
    (folder / "networks" / "cloud.json").write_text('{"prefixes": [{"ip_prefix": "203.0.113.0/24"}]}')
    (folder / "placements.toml").write_text('[placements."hero"]\nexploration = 0\n')
    (folder / "offers").mkdir()
    (folder / "offers" / "all.toml").write_text(OFFERS)
    with Product(folder, root / "data", environment={"REGULARS_TRUSTED_PROXIES": "127.0.0.1"}) as started:
        yield started


def sends(
    product: Product, message_id: str, head: dict[str, str], address: str, *, name: str = "Product Viewed", **more: str
) -> None:
    device = {"anonymousId": f"d-{message_id}", "userId": None, "event": name}
    answer = product.http.request(
        "POST", "/v1/track", json=viewed(message_id) | device, auth=(WRITE_KEY, ""),
        headers={"accept-language": "", "user-agent": "", **head, "x-forwarded-for": address, **more},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


def judged(product: Product, message_id: str) -> tuple[str, list[str], str]:
    """Verdict and reasons of the trace, and why it did what it did."""
    told: dict[str, Any] = product.http.get(f"/v1/trace/{message_id}", auth=SERVER).json()
    steps = [one for one in told["steps"] if one["step"] == "judged"]
    return (steps[0]["verdict"], steps[0]["why"], told["why"]) if steps else ("unknown", [], told["why"])


def looked(product: Product, message_id: str) -> int:
    profile = product.http.get(f"/v1/profiles/anonymous_id:d-{message_id}", auth=SERVER).json()
    return int(profile["traits"]["views"] or 0)


def test_place_and_head_together_make_a_machine_and_either_alone_does_not(product: Product) -> None:
    sends(product, "person", REAL, AT_HOME)
    sends(product, "vpn", REAL, HOSTED)
    sends(product, "odd", NAMED, AT_HOME)
    sends(product, "script", NAMED, HOSTED)
    sends(product, "headless", REAL | {"sec-ch-ua": '"HeadlessChrome";v="140", "Chromium";v="140"'}, AT_HOME)
    sends(product, "changed", REAL | {"sec-ch-ua": '"Chromium";v="118"'}, AT_HOME, **{"x-asn": "AS16509"})
    product.wait_folded()
    counts = "counted in the profile and kept for analysis"
    nothing = "a machine sent it: it is kept with its reasons and counts for no trait, segment or model"
    assert judged(product, "person") == ("unknown", [], counts)
    assert judged(product, "vpn") == ("unknown", ["data_centre"], counts)
    assert judged(product, "odd") == ("unknown", ["bare"], counts)
    assert judged(product, "script") == ("machine", ["data_centre", "bare"], nothing)
    assert judged(product, "headless") == ("machine", ["agent:browser-automation"], nothing)
    assert judged(product, "changed") == ("machine", ["data_centre", "mismatch"], nothing)
    seen = {name: looked(product, name) for name in ("person", "vpn", "odd", "script", "headless", "changed")}
    assert seen == {"person": 1, "vpn": 1, "odd": 1, "script": 0, "headless": 0, "changed": 0}
    moment = product.http.get("/v1/profiles/anonymous_id:d-script/timeline", auth=SERVER).json()["events"][0]
    assert moment["context"]["machine"] == {"verdict": "machine", "why": ["data_centre", "bare"]}


def test_a_mended_event_is_judged_by_the_door_that_it_came_through(product: Product) -> None:
    """Whoever mends it sits elsewhere, and the machine's event is not laundered by being broken."""
    for name, head, address in (("broken-script", NAMED, HOSTED), ("broken-person", REAL, AT_HOME)):
        sends(product, name, head, address, name="Product Veiwed")
    product.wait_folded()
    groups = product.http.get("/v1/failed", auth=SERVER).json()["groups"]
    (cause,) = [one["group"]["cause"] for one in groups if one["group"]["name"] == "Product Veiwed"]
    mend = {"action": "rename_event", "to": "Product Viewed"}
    done = product.http.post(f"/v1/failed/{cause}/mend", json=mend, auth=SERVER).json()
    assert done["admitted"] == 2
    product.wait_folded()
    assert judged(product, "broken-script")[:2] == ("machine", ["data_centre", "bare"])
    assert judged(product, "broken-person")[:2] == ("unknown", [])
    assert (looked(product, "broken-script"), looked(product, "broken-person")) == (0, 1)


def test_a_machine_that_the_door_sees_gets_what_everybody_gets(product: Product) -> None:
    def shown(head: dict[str, str], address: str) -> str:
        answer = product.http.post(
            "/v1/decide", json={"placements": ["hero"], "anonymousId": "visitor"}, auth=(WRITE_KEY, ""),
            headers={"accept-language": "", "user-agent": "", **head, "x-forwarded-for": address},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return str(answer.json()["placements"]["hero"]["offer"]["id"])

    assert shown(REAL, AT_HOME) == "people"
    assert shown(REAL, HOSTED) == "people"
    assert shown(NAMED, HOSTED) == "everybodys"


def test_no_address_is_stored(product: Product) -> None:
    """Neither in the log nor in the state nor in what the server prints."""
    sends(product, "private", NAMED, HOSTED, **{"x-asn": "AS24940"})
    product.wait_folded()
    files = [path for path in Path(product.data).rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert HOSTED.encode() not in content, path
        assert bytes(map(int, HOSTED.split("."))) not in content, path
    assert HOSTED not in product.printed()
