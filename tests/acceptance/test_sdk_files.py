"""The files of the browser SDK over HTTP."""

import pytest

from regulars.sdk import files
from regulars.testing import Product

pytestmark = pytest.mark.acceptance


def test_any_page_may_load_the_script_and_keep_it(product: Product) -> None:
    answer = product.http.get("/sdk/regulars.js", headers={"origin": "https://anywhere.example"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-encoding"] == "gzip"
    assert "max-age=3600" in answer.headers["cache-control"]
    assert answer.content == files()["regulars.js"].content
    assert "set-cookie" not in answer.headers

    again = product.http.get("/sdk/regulars.js", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    plain = product.http.get("/sdk/regulars.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content
    assert plain.headers["etag"] != answer.headers["etag"]


def test_an_edition_never_changes_and_another_one_is_not_there(product: Product) -> None:
    edition = product.http.get("/sdk/regulars.js").headers["x-regulars-edition"]
    kept = product.http.get(f"/sdk/{edition}/regulars.js")
    assert "immutable" in kept.headers["cache-control"]
    for path in (f"/sdk/{edition[::-1]}/regulars.js", "/sdk/other.js", "/sdk/..%2fregulars.js", "/sdk/snippet.html"):
        answer = product.http.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"].startswith("application/problem+json")
