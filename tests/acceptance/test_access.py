"""One call gives a person everything that the shop knows: for programs, for reading, and as a file."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regulars.cli._main import program
from regulars.testing import Product
from tests.acceptance.shop import FILES, LIMITED_KEY, SERVER_KEY, WRITE_KEY, make_shop

pytestmark = pytest.mark.acceptance
SERVER = (SERVER_KEY, "")


def tell(product: Product, *calls: dict[str, Any], auth: tuple[str, str] = SERVER) -> None:
    answer = product.http.post("/v1/batch", json={"batch": list(calls)}, auth=auth)
    assert answer.status_code == 200, answer.text
    product.wait_folded(seconds=30)


def asked(product: Product, identifier: str) -> dict[str, Any]:
    answer = product.http.get(f"/v1/privacy/access/{identifier}", auth=SERVER)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def test_everything_about_a_person_and_nothing_about_another(product: Product) -> None:
    order = {"order_id": "o-1", "total": 12.5, "currency": "EUR", "products": [{"product_id": "p1", "quantity": 1}]}
    tell(
        product,
        {"type": "identify", "userId": "ana", "messageId": "a1", "traits": {"name": "Ana", "city": "Bern"}},
        {"type": "track", "event": "Consent Updated", "userId": "ana", "messageId": "a2",
         "properties": {"purposes": {"analytics": True}, "method": "banner", "text_version": "7"}},
        {"type": "track", "event": "Product Viewed", "userId": "ana", "anonymousId": "phone", "messageId": "a3",
         "properties": {"product_id": "p1", "note": "mine"}},
        {"type": "track", "event": "Order Completed", "userId": "ana", "messageId": "a4", "properties": order},
        {"type": "track", "event": "Product Viewed", "userId": "bob", "messageId": "b1",
         "properties": {"product_id": "p2", "note": "of another"}},
    )  # fmt: skip
    tell(product, {"type": "track", "event": "Product Viewed", "anonymousId": "phone", "messageId": "a5",
                   "properties": {"product_id": "p3", "note": "from the phone"}}, auth=(WRITE_KEY, ""))  # fmt: skip
    found = asked(product, "user_id:ana")
    assert (found["format"], found["complete"]) == ("regulars.access/1", True)
    assert {one["identifier"] for one in found["identifiers"]} >= {"user_id:ana"}
    assert any({one["a"], one["b"]} == {"user_id:ana", "anonymous_id:phone"} for one in found["links"])
    assert {one["name"]: one["value"] for one in found["facts"]} == {"name": "Ana", "city": "Bern"}
    assert found["consent_history"][0]["evidence"]["text_version"] == "7"
    views = next(one for one in found["traits"] if one["name"] == "views")
    assert (views["value"], views["inferred"], views["computed_from"]) == (2, True, ["Artikel angesehen"])
    assert [(one["order_id"], one["total"]) for one in found["orders"]] == [("o-1", 1250)]
    assert {one["message_id"] for one in found["events"]} == {"a1", "a2", "a3", "a4", "a5"}
    assert "of another" not in str(found)


def test_whom_a_customer_was_taken_for_stays_unnamed(product: Product) -> None:
    traits = {"email": "stranger@example.org"}
    tell(product, {"type": "identify", "userId": "lena", "messageId": "l1", "traits": traits})
    body = {"a": "user_id:lena", "b": "email:stranger@example.org", "reason": "mistyped"}
    assert product.http.post("/v1/privacy/unlink", json=body, auth=SERVER).status_code == 200
    tell(product, {"type": "track", "event": "Product Viewed", "userId": "lena", "anonymousId": "phone-of-lena",
                   "messageId": "l2", "properties": {"product_id": "p1"}})  # fmt: skip
    found = asked(product, "user_id:lena")
    named = {tuple(sorted((one["a"], one["b"]))) for one in found["links"]}
    assert named == {("email:•••", "user_id:lena"), ("anonymous_id:phone-of-lena", "user_id:lena")}


def test_who_asked_is_told_with_the_next_answer(product: Product) -> None:
    tell(product, {"type": "identify", "userId": "seen", "messageId": "s1", "traits": {"name": "Sam"}})
    asked(product, "user_id:seen")
    product.wait_folded(seconds=30)
    newest = asked(product, "user_id:seen")["looked_at"][0]
    assert (newest["user"], newest["action"]) == ("till", "read everything")


def test_a_look_is_found_however_the_customer_was_named(product: Product) -> None:
    said = {"name": "Kim", "email": "kim@example.org"}
    tell(product, {"type": "identify", "userId": "kim", "messageId": "k1", "traits": said})
    assert product.http.get("/v1/profiles/email:%20KIM@Example.org", auth=SERVER).status_code == 200
    product.wait_folded(seconds=30)
    looks = asked(product, "user_id:kim")["looked_at"]
    assert ("read profile", "email:kim@example.org") in {(one["action"], one["asked_as"]) for one in looks}


@pytest.mark.parametrize(("language", "heading"), [("de", "Was Sie uns gesagt haben"), ("en", "What you told us")])
def test_the_page_is_readable_and_runs_nothing_that_a_customer_wrote(
    product: Product, language: str, heading: str
) -> None:
    hostile = '<script>alert("x")</script>'
    tell(
        product,
        {"type": "identify", "userId": "xss", "messageId": "x1", "traits": {"name": hostile, hostile: 1}},
        {"type": "track", "event": "Product Viewed", "userId": "xss", "messageId": "x2",
         "properties": {"product_id": "p1", "note": hostile}},
    )  # fmt: skip
    answer = product.http.get(
        "/v1/privacy/access/user_id:xss", params={"format": "html", "language": language}, auth=SERVER
    )
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert heading in answer.text
    assert "&lt;script&gt;" in answer.text
    assert not re.search("<script", answer.text)
    assert answer.text.endswith("</html>")
    assert answer.text.count("<ul>") == answer.text.count("</ul>")


def test_only_keys_that_may_read_profiles_get_an_answer(product: Product) -> None:
    for key, status in ((WRITE_KEY, 403), (LIMITED_KEY, 403), ("", 401)):
        auth = (key, "") if key else None
        assert product.http.get("/v1/privacy/access/user_id:ana", auth=auth).status_code == status
    assert product.http.get("/v1/privacy/access/user_id:nobody", auth=SERVER).status_code == 404


def test_the_command_writes_a_file_for_its_owner_alone_and_never_over_another(product: Product, tmp_path: Path) -> None:
    tell(product, {"type": "identify", "userId": "cli", "messageId": "c1", "traits": {"name": "Cleo"}})
    out = tmp_path / "cleo.json"
    command = ["access", str(product.shop), "user_id:cli", "--data", str(product.data), "--out", str(out)]
    done = CliRunner().invoke(program, command)
    assert done.exit_code == 0, done.output
    assert '"Cleo"' in out.read_text()
    assert out.stat().st_mode & 0o077 == 0
    again = CliRunner().invoke(program, command)
    assert "cannot be written" in str(again.exception)


#: What a customer must not have to read: names of systems, codes, conditions, braces.
RAW = re.compile(r"[a-z]+_[a-z]+|[a-z]+[A-Z][a-z]+|&gt;=|&quot;|\{|None|True|False|refused:|partners:")


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_page_speaks_a_customers_words(shop_of_words: Product, language: str) -> None:
    product, user = shop_of_words, f"wanda-{language}"
    order = {"order_id": "o-1", "total": 12.5, "currency": "EUR", "products": [{"product_id": "p1", "quantity": 2}]}
    tell(
        product,
        {"type": "identify", "userId": user, "messageId": f"{language}1", "traits": {
            "firstName": "Wanda", "shoeSize": 38, "loyalty_since": "2020", "newsletter": True, "zip": "1",
            "email": f"{user}@shop.example"}},
        {"type": "track", "event": "Consent Updated", "userId": user, "messageId": f"{language}2",
         "properties": {"purposes": {"analytics": True}, "method": "banner", "text_version": "7"}},
        {"type": "track", "event": "Product Viewed", "userId": user, "anonymousId": f"a-{language}",
         "messageId": f"{language}3", "properties": {"product_id": "p1"}},
        {"type": "track", "event": "Preference Declared", "userId": user, "messageId": f"{language}4",
         "properties": {"preferences": {"frequency": "weekly"}}},
        *({"type": "track", "event": "Order Completed", "userId": user, "messageId": f"{language}5{n}",
           "properties": {**order, "order_id": f"{language}{n}"}} for n in range(2)),
    )  # fmt: skip
    body = {"identifier": f"user_id:{user}", "facts": {"zip": None}, "reason": "asked for it"}
    product.http.post("/v1/privacy/rectify", json=body, auth=SERVER).raise_for_status()
    tell(product, {"type": "identify", "userId": user, "messageId": f"{language}6", "traits": {"house_number": "7"}},
         auth=(BRAND_KEY, ""))  # fmt: skip
    asked(product, f"user_id:{user}")
    product.wait_folded(seconds=30)
    answer = product.http.get(
        f"/v1/privacy/access/user_id:{user}", params={"format": "html", "language": language}, auth=SERVER
    )
    text = answer.text[answer.text.index("<main>") :]
    words = {
        "de": ("Vorname: Wanda", "Schuhgröße: 38", "Loyalty since: 2020", "Newsletter: ja", "Hausnummer: 7",
               "aus der Filiale Bern", "Wie oft: jede Woche", "Postleitzahl: entfernt", "Bestellt", "12,50 EUR",
               "Kundenkonto: wanda-de", "im Banner", "vom Personal notiert", "Stammkunden", "alles gelesen"),
        "en": ("First name: Wanda", "Shoe size: 38", "Loyalty since: 2020", "Newsletter: yes", "House number: 7",
               "told by the store Bern", "How often: every week", "Postcode: removed", "Order placed", "12.50 EUR",
               "User id: wanda-en", "in the banner", "noted by our staff", "Regulars", "read everything"),
    }[language]  # fmt: skip
    assert [one for one in words if one not in text] == []
    assert RAW.findall(re.sub(r"<[^>]+>", " ", text)) == []
    told = {one["name"]: (one["title"], one["origin"]) for one in asked(product, f"user_id:{user}")["facts"]}
    assert (told["shoeSize"][0], told["house_number"][1]) == ("Schuhgröße", "store:Bern")


def test_what_was_searched_for_needs_consent_and_tells_nothing_sensitive(shop_of_words: Product) -> None:
    product = shop_of_words

    def searched(message: str, query: str, user: str) -> dict[str, Any]:
        page = {"url": f"https://shop.example/s?q={query}", "title": f"Found: {query}"}
        return {"type": "track", "event": "Products Searched", "userId": user, "messageId": message,
                "properties": {"query": query}, "context": {"page": page}}  # fmt: skip

    yes = {"type": "track", "event": "Consent Updated", "userId": "sue", "messageId": "s0",
           "properties": {"purposes": {"analytics": True}}}  # fmt: skip
    tell(product, yes, searched("s1", "Ibuprofen", "sue"), searched("s2", "Diabetes-Socken", "sue"),
         searched("s3", "gift for bob@shop.example from anna müller", "sue"), searched("s5", "is-lam", "sue"),
         searched("s4", "Tee", "tom"))  # fmt: skip
    found = asked(product, "user_id:sue")
    told = {one["message_id"]: one["properties"] for one in found["events"] if one["name"] == "Products Searched"}
    assert told == {
        "s1": {"query": None, "withheld": "sensitive"},
        "s2": {"query": None, "withheld": "sensitive"},
        "s3": {"query": "gift for [e-mail] from [name]"},
        "s5": {"query": None, "withheld": "sensitive"},
    }
    assert {one["name"]: one["value"] for one in found["traits"]}["last_query"] == "gift for [e-mail] from [name]"
    html = product.http.get("/v1/privacy/access/user_id:sue", params={"format": "html"}, auth=SERVER).text
    timeline = product.http.get("/v1/profiles/user_id:sue/timeline", auth=SERVER).text
    for text in (str(found), html, timeline):
        assert not [
            one for one in ("Ibuprofen", "Diabetes", "bob@", "müller", "is-lam") if one.casefold() in text.casefold()
        ]
    (waiting,) = asked(product, "user_id:tom")["events"]  # in the log's buffer, where a late consent may admit it
    assert (waiting["message_id"], waiting["used"]) == ("s4", False)
    page = product.http.get("/v1/privacy/access/user_id:tom", params={"format": "html", "language": "en"}, auth=SERVER)
    assert "not used: your consent to it is missing" in page.text
    assert "Tee" not in product.http.get("/v1/profiles/user_id:tom/timeline", auth=SERVER).text
    assert "last_query" not in {one["name"] for one in asked(product, "user_id:tom")["traits"]}


BRAND_KEY = "sk_store_of_bern"


@pytest.fixture(scope="module")
def shop_of_words(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("words")
    store = hashlib.sha256(BRAND_KEY.encode()).hexdigest()
    sources = FILES["sources.toml"] + f'\n[sources.bern]\nkind = "server"\nkey_sha256 = "{store}"\nstore = "Bern"\n'
    searched = '\n[events."Products Searched"]\nproperties = { query = "text" }\nrequired = ["query"]\n'
    last = '\n[traits.last_query]\nkind = "last"\nevents = ["Products Searched"]\nof = "query"\ntype = "text"\n'
    made = make_shop(
        root / "shop", sources=sources, events=FILES["events.toml"] + searched,
        traits=FILES["traits.toml"] + last + 'purpose = "analytics"\n',
    )  # fmt: skip
    (made / "facts.toml").write_text('[facts.shoeSize]\ntitle = { de = "Schuhgröße", en = "Shoe size" }\n')
    with Product(made, root / "data") as product:
        yield product
