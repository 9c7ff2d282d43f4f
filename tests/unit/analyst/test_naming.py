"""Whose facts name somebody is found without reading every profile."""

import random
from pathlib import Path

from regulars.analyst.erasing import empty_log, naming
from regulars.analyst.protocol import Setup
from regulars.analyst.work import Workbench
from regulars.core.record import PERSON, part_id, profile_number
from regulars.core.state import PART, PART_B, Changes
from tests.unit.analyst.shops import DataFolder

KEYS = ["email:ana.winter@mail.example", "user_id:customer-4711"]


def test_short_and_long_records_of_both_generations_are_found_in_every_number_of_shares(tmp_path: Path) -> None:
    chance = random.Random(2)
    folder = DataFolder(tmp_path / "data")
    others = [profile_number(f"user_id:{number}") for number in range(3_000)]
    changes = Changes()
    for number in others:
        changes.put(PART, (part_id(number, PERSON), chance.randbytes(chance.randint(20, 700))))
    changes.put(PART, (part_id(others[5], 1), b"asked by " + b"Ana.Winter@mail.example"))
    changes.put(PART, (part_id(others[6], 2), chance.randbytes(9_000) + b"ana.winter@mail.example" + bytes(9_000)))
    changes.put(PART_B, (part_id(others[7], 3), b"customer-4711"))
    changes.put(PART, (part_id(profile_number(KEYS[0]), 0), KEYS[0].encode()))  # the person is no other
    folder.state.commit(changes)
    work = Workbench(folder.root, Setup(definitions=folder.definitions, decoder="", memory="1GB", threads=1))
    empty_log(work)
    for shares in (1, 2, 8):
        found = {one for number in range(shares) for one in naming(work, keys=KEYS, share=(number, shares))}
        assert found == set(others[5:8])
    folder.close()
