"""What `regulars check` says about the policies of sources."""

import hashlib

from regulars.shop.load import build

KEY = hashlib.sha256(b"sk_x").hexdigest()
TEXT = 'text = { de = "Wozu", en = "What for" }\n'
FILES = {
    "shop.toml": '[shop]\nname = "Corner"\n',
    "events.toml": '[events."Product Viewed"]\npurpose = "analytics"\nproperties = {product_id = "id"}\n',
    "consent.toml": f'[purposes.analytics]\n{TEXT}[purposes.partners]\n{TEXT}[purposes."partners:acme"]\n{TEXT}'
    f"partner = 'acme'\n[purposes.alpina]\n{TEXT}",
}
ACME = f'[sources.acme]\nkind = "server"\nkey_sha256 = "{KEY}"\npartner = "acme"\nscopes = ["collect"]\n'


def mistakes(sources: str, traits: str = "") -> list[str]:
    contents = {**FILES, "sources.toml": sources, "traits.toml": traits}
    found = build({name: text.encode() for name, text in contents.items()})[1]
    return [f"{mistake.file} {mistake.key}: {mistake.message} {mistake.suggestion}" for mistake in found]


def test_a_partner_collects_for_its_own_purpose() -> None:
    assert mistakes(ACME) == []
    (said,) = mistakes(ACME.replace('partner = "acme"', 'partner = "acne"'))
    assert 'add [purposes."partners:acne"]' in said
    assert said.endswith("acme")
    assert 'scopes = ["collect"]' in mistakes(ACME.replace('["collect"]', '["collect", "profiles"]'))[0]
    assert "leave `purposes` out" in mistakes(ACME + 'purposes = ["analytics"]\n')[0]


def test_a_browser_is_no_partner() -> None:
    (said,) = mistakes(
        '[sources.acme]\nkind = "browser"\nwrite_key = "wk_123456"\npartner = "acme"\nscopes = ["collect"]\n'
    )
    assert 'kind = "server"' in said


def test_a_place_of_stock_has_a_name() -> None:
    online = '[sources.online]\nkind = "server"\n[sources.online.webhook]\nshop = "shopify"\nsecret = "env:S"\n'
    assert mistakes(online + 'stores = {"24826418" = "Graz"}\n') == []
    (said,) = mistakes(online + 'stores = {"24826418" = ""}\n')
    assert "sources.online.webhook.stores: '24826418': expected the name of a store" in said


def test_an_app_is_one_of_shopware() -> None:
    apps = '[sources.apps]\nkind = "server"\n[sources.apps.webhook]\nshop = "shopware"\nsecret = "env:S"\n'
    assert mistakes(apps + 'app = "CornerApp"\n') == []
    for wrong in (apps + 'app = "Corner App"\n', apps.replace("shopware", "shopify") + 'app = "CornerApp"\n'):
        (said,) = mistakes(wrong)
        assert "sources.apps.webhook.app: is the name of a Shopware app" in said


def test_purposes_of_a_source_exist() -> None:
    crm = f'[sources.crm]\nkind = "server"\nkey_sha256 = "{KEY}"\npurposes = ["analytics", "contract"]\n'
    assert mistakes(crm) == []
    (said,) = mistakes(crm.replace('"analytics"', '"analytic"'))
    assert "sources.toml sources.crm.purposes: unknown purpose 'analytic'" in said
    assert "expected one of" in mistakes(crm + 'consent = "always"\n')[0]


def test_what_a_brand_asks_for_is_for_the_brand_alone() -> None:
    brand = f'[sources.b]\nkind = "server"\nkey_sha256 = "{KEY}"\nbrand = "Alpina"\nown_purpose = "alpina"\n'
    assert mistakes(brand) == []
    assert "unknown purpose 'alpin'" in mistakes(brand.replace('"alpina"', '"alpin"'))[0]
    assert "is what events are for" in mistakes(brand.replace('"alpina"', '"analytics"'))[0]
    assert "cannot say yes or no" in mistakes(brand.replace('"alpina"', '"partners:acme"'))[0]
    assert "a partner's is 'partners:acme'" in mistakes(ACME + 'own_purpose = "alpina"\n')[0]


def test_a_trait_of_a_partner_counts_no_orders() -> None:
    trait = '[traits.t]\nkind = "count"\nevents = ["Order Completed"]\npurpose = "partners:acme"\n'
    (said,) = mistakes(ACME, trait)
    assert "never comes from a partner" in said


def test_the_policy_of_a_source_is_part_of_what_records_are_built_from() -> None:
    def version(sources: str) -> str:
        contents = {**FILES, "sources.toml": sources}
        definitions, _ = build({name: text.encode() for name, text in contents.items()})
        assert definitions is not None
        return definitions.record_version

    free = f'[sources.crm]\nkind = "server"\nkey_sha256 = "{KEY}"\n'
    assert version(free) != version(free + "purposes = []\n") != version(free + 'consent = "required"\n')
    assert version(free) != version(free + 'own_purpose = "alpina"\n')
