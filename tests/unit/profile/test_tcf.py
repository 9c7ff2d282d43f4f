"""TC strings mean here what they mean to the reference implementation, and garbage is refused, not guessed at."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.profile import tcf

VECTORS = Path(__file__).with_name("tcf_vectors.json")
MAKER = Path(__file__).resolve().parents[3] / "tools" / "tcf_vectors.mjs"
#: The folder that holds node_modules/@iabtcf/core, for the comparison with strings that nobody has seen before.
REFERENCE = os.environ.get("TCF_REFERENCE", "")


def told(vector: dict[str, Any]) -> dict[str, Any]:
    """What we read, in the form of a vector."""
    tc = tcf.decode(vector["text"])
    return {
        "text": vector["text"], "version": tc.version, "created": tc.created, "updated": tc.updated,
        "cmp_id": tc.cmp_id, "vendor_list": tc.vendor_list, "policy": tc.policy,
        "special_features": sorted(tc.special_features), "consents": sorted(tc.consents),
        "interests": sorted(tc.interests), "vendor_consents": _ids(tc.vendor_consents),
        "vendor_interests": _ids(tc.vendor_interests),
        "forbidden": {str(purpose): _ids(ranges) for purpose, ranges in sorted(tc.forbidden)},
    }  # fmt: skip


def _ids(ranges: tcf.Ranges) -> list[int]:
    return [number for start, end in ranges for number in range(start, end + 1)]


def test_strings_of_the_reference_are_read_as_it_reads_them() -> None:
    vectors = json.loads(VECTORS.read_text())
    assert len(vectors) == 40
    assert any(vector["forbidden"] for vector in vectors)
    for vector in vectors:
        assert told(vector) == vector


@pytest.mark.slow
def test_fresh_strings_of_the_reference_are_read_as_it_reads_them() -> None:
    if not REFERENCE or shutil.which("node") is None:
        pytest.skip("no reference decoder: npm install @iabtcf/core and set TCF_REFERENCE to that folder")
    seed = int.from_bytes(os.urandom(2))
    command = ["node", str(MAKER), "200", str(seed), "1200"]
    made = subprocess.run(command, capture_output=True, check=True, timeout=60, env={**os.environ}).stdout
    vectors = json.loads(made)
    assert len(vectors) == 200
    assert [vector for vector in vectors if told(vector) != vector] == [], f"seed {seed}"


def test_a_vendor_is_looked_up_in_its_ranges() -> None:
    vector = next(v for v in json.loads(VECTORS.read_text()) if 3 < len(v["vendor_consents"]) < 100)
    tc = tcf.decode(vector["text"])
    assert [n for n in range(1, 300) if tc.vendor_consented(n)] == vector["vendor_consents"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "base64url"),
        ("CP5M lgA", "base64url"),
        ("CP5Ml", "base64url|early"),
        ("BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA", "version 1"),
        ("CP5MlgAP-S4UAn3A", "early"),
        ("A" * 20_001, "at most"),
    ],
)
def test_garbage_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        tcf.decode(text)


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda b: base64.urlsafe_b64encode(b).decode().rstrip("=")))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    try:
        tc = tcf.decode(text)
    except ValueError:
        return
    assert tc.version == 2


@given(st.data())
def test_a_changed_string_is_read_or_refused(data: st.DataObject) -> None:
    vector = data.draw(st.sampled_from(json.loads(VECTORS.read_text())))
    raw = bytearray(base64.urlsafe_b64decode(vector["text"].partition(".")[0] + "==="))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    text = base64.urlsafe_b64encode(bytes(raw[: data.draw(st.integers(1, len(raw)))])).decode().rstrip("=")
    try:
        tc = tcf.decode(text)
    except ValueError:
        return
    assert all(1 <= start <= end for start, end in (*tc.vendor_consents, *tc.vendor_interests))


def test_a_text_made_of_restrictions_is_refused_before_they_are_read() -> None:
    head = f"{2:06b}" + "0" * 207
    restrictions = f"{4_095:012b}" + "0" * 20 * 4_095
    bits = head + "0" * 34 + restrictions
    bits += "0" * (-len(bits) % 24)
    text = base64.urlsafe_b64encode(int(bits, 2).to_bytes(len(bits) // 8)).decode()
    with pytest.raises(ValueError, match="4095"):
        tcf.decode(text)


def test_a_string_that_cannot_be_read_is_read_once() -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="version"):
            tcf.decode("DPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA")
    before = tcf._told.cache_info()  # noqa: SLF001 - what is kept is not seen otherwise
    with pytest.raises(ValueError, match="version"):
        tcf.decode("DPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA")
    assert tcf._told.cache_info().hits == before.hits + 1  # noqa: SLF001
