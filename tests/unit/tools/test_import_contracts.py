"""Facts about the import contracts, on a small house of modules."""

import pytest
from grimp import ImportGraph

from tools.import_contracts import NeverContract, OnlyContract


@pytest.fixture
def house() -> ImportGraph:
    """Make a shop whose till asks a room, which asks the core; only the lake knows the heavy library."""
    graph = ImportGraph()
    for module in ("shop", "shop.till", "shop.room", "shop.room.door", "shop.room.talk", "shop.core", "shop.lake"):
        graph.add_module(module)
    for module in ("heavy", "msgspec", "sqlite3", "math"):
        graph.add_module(module, is_squashed=True)
    imports = {
        "shop.till": ["shop.room"],
        "shop.room": ["shop.core", "msgspec", "math"],
        "shop.room.door": ["shop.room"],
        "shop.lake": ["heavy", "shop.core"],
    }
    for importer, imported in imports.items():
        for one in imported:
            graph.add_import(importer=importer, imported=one, line_number=3, line_contents=f"import {one}")
    return graph


def only(**options: list[str]) -> OnlyContract:
    return OnlyContract("only", {}, {"sources": ["shop.room"], "allowed": ["msgspec"], **options})


def never(**options: list[str] | str) -> NeverContract:
    return NeverContract("never", {}, {"sources": ["shop.till"], "forbidden": ["heavy"], **options})


def link(graph: ImportGraph, importer: str, imported: str) -> None:
    graph.add_import(importer=importer, imported=imported, line_number=7, line_contents=f"import {imported}")


def test_a_room_may_import_the_standard_library_its_project_and_what_is_allowed(house: ImportGraph) -> None:
    assert only().check(house, verbose=False).kept


def test_a_package_that_is_not_allowed_breaks_the_contract_also_deep_inside(house: ImportGraph) -> None:
    link(house, "shop.room.door", "heavy")
    check = only().check(house, verbose=False)
    assert not check.kept
    assert check.metadata["broken"] == ["shop.room.door -> heavy (line 7)"]


def test_a_forbidden_module_of_the_standard_library_breaks_the_contract(house: ImportGraph) -> None:
    link(house, "shop.room", "sqlite3")
    assert only().check(house, verbose=False).kept
    assert not only(forbidden_standard=["sqlite3"]).check(house, verbose=False).kept


def test_a_package_below_a_room_can_be_left_free(house: ImportGraph) -> None:
    link(house, "shop.room.talk", "heavy")
    assert not only().check(house, verbose=False).kept
    assert only(except_in=["shop.room.talk"]).check(house, verbose=False).kept


def test_a_source_that_does_not_exist_yet_is_passed_over(house: ImportGraph) -> None:
    assert only(sources=["shop.cellar"]).check(house, verbose=False).kept
    assert never(sources=["shop.cellar"]).check(house, verbose=False).kept


def test_the_heavy_library_is_found_behind_other_modules(house: ImportGraph) -> None:
    assert never().check(house, verbose=False).kept
    link(house, "shop.core", "shop.lake")
    check = never().check(house, verbose=False)
    assert not check.kept
    assert check.metadata["broken"] == ["shop.till -> shop.room (line 3) -> shop.core -> shop.lake -> heavy"]


def test_a_direct_contract_forgives_what_comes_through_others(house: ImportGraph) -> None:
    link(house, "shop.core", "shop.lake")
    assert never(direct="true").check(house, verbose=False).kept
    link(house, "shop.till", "heavy")
    assert not never(direct="true").check(house, verbose=False).kept
