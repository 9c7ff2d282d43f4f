"""What `regulars check` says about the network: networks of data centres, headers and rates."""

import pytest

from regulars.core.definitions import Definitions
from regulars.shop.load import build

SHOP = '[shop]\nname = "Corner"\n'


def built(network: str = "", **lists: str) -> tuple[Definitions | None, list[str]]:
    files = {"shop.toml": (SHOP + network).encode()}
    files |= {f"networks/{name.replace('_', '.')}": text.encode() for name, text in lists.items()}
    found, mistakes = build(files)
    return found, [f"{one.file}:{one.line} {one.key}: {one.message}" for one in mistakes]


def test_networks_come_from_the_file_and_from_lists_as_the_clouds_publish_them() -> None:
    found, mistakes = built(
        '[network]\ndata_centres = ["192.0.2.9/24"]\nasn_header = "x-asn"\n',
        # The shapes of Amazon's and Google's lists, of a geofeed (RFC 8805), and of a list by hand.
        amazon_json='{"syncToken": "1", "prefixes": [{"ip_prefix": "198.51.100.0/24", "region": "eu-central-1"}], '
        '"ipv6_prefixes": [{"ipv6_prefix": "2001:db8:1::/48"}]}',
        google_json='{"prefixes": [{"ipv4Prefix": "203.0.113.0/25"}, {"ipv6Prefix": "2001:db8:2::/48"}]}',
        geofeed_csv="203.0.113.128/25,DE,DE-BY,Nuremberg,\n",
        own_txt="# of the office's scraper\n198.18.0.0/15  # tests\n\n",
    )
    assert mistakes == []
    assert found is not None
    assert found.network.data_centres == (
        "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "2001:db8:1::/48", "2001:db8:2::/48", "203.0.113.0/25",
        "203.0.113.128/25",
    )  # fmt: skip
    assert found.network.requests_per_minute == 1_200


@pytest.mark.parametrize(
    ("network", "lists", "said"),
    [
        ('data_centres = ["192.0.2.0/33"]', {}, "network.data_centres: expected networks such as"),
        ('asn_header = "x asn"', {}, "network.asn_header: expected the name of a header"),
        ("asns = [0]", {}, "network.asns: expected numbers of autonomous systems, got 0"),
        ("requests_per_minute = -1", {}, "network.requests_per_minute: expected 0 (never) or more, got -1"),
        ("request_per_minute = 9", {}, "unknown key"),
        ("", {"aws_json": "{}"}, "networks/aws.json:None : holds no network"),
        ("", {"own_txt": "192.0.2.0/24\nmy office\n"}, "networks/own.txt:2 : expected a network such as 192.0.2.0/24"),
    ],
)
def test_every_mistake_is_named_with_its_place(network: str, lists: dict[str, str], said: str) -> None:
    found, mistakes = built(f"[network]\n{network}\n", **lists)
    assert found is None
    assert said in "\n".join(mistakes)


def test_another_list_builds_no_record_anew() -> None:
    one, other = built()[0], built(own_txt="192.0.2.0/24\n")[0]
    assert one is not None
    assert other is not None
    assert one.version != other.version
    assert one.record_version == other.record_version
