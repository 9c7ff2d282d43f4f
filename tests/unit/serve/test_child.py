"""How a process under supervision stands to the others."""

import os
from pathlib import Path

from regulars.serve.child import Child


def test_children_share_the_processor_by_their_niceness(tmp_path: Path) -> None:
    """Sessions get equal shares, however nice their processes are: the updater's yielding would mean nothing."""
    child = Child("sleeper", "timeit", ["-n1", "-r1", "import time; time.sleep(30)"], tmp_path / "status", ())
    child.start()
    try:
        pid = child.describe()["pid"]
        assert os.getsid(pid) == os.getsid(0)
        assert os.getpgid(pid) == pid  # Ctrl+C in the terminal reaches the supervisor alone
    finally:
        child.stop(10)
