"""The search for identifiers proves itself, and leaves nothing of the proof behind."""

from pathlib import Path

from regulars.analyst.search import prove, search

KEYS = ["email:ana@example.org"]


def test_what_a_killed_proof_left_behind_is_gone_after_the_next(tmp_path: Path) -> None:
    left = tmp_path / "planted-999999999-x"
    left.mkdir()
    (left / "note.txt").write_text("ana@example.org")
    assert search([tmp_path], KEYS)
    assert min(prove(KEYS, tmp_path).values()) > 0
    assert search([tmp_path], KEYS) == []
    assert list(tmp_path.iterdir()) == []
