"""Files are read before anybody asks for them, where memory is plenty."""

import os
import subprocess
import sys
import time
from pathlib import Path

from regulars.adapters.sqlite import read_ahead

#: Resident pages of a file, as the system counts them (mincore through `vmtouch` would need a tool more).
_RESIDENT = """
import ctypes, mmap, os, sys
size = os.path.getsize(sys.argv[1])
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), size) as map:
    pages = (size + 4095) // 4096
    found = (ctypes.c_ubyte * pages)()
    at = ctypes.addressof(ctypes.c_char.from_buffer(map))
    ctypes.CDLL(None).mincore(ctypes.c_void_p(at), ctypes.c_size_t(size), found)
    print(sum(one & 1 for one in found), pages, flush=True)
    os._exit(0)
"""


def test_a_file_is_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    path.write_bytes(os.urandom(20_000_000))
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    before, pages = resident(path)  # none on a disk; a file system in memory keeps all
    assert before in (0, pages)
    assert read_ahead(path)
    for _ in range(200):  # the disk reads beside
        if resident(path)[0] == pages:
            return
        time.sleep(0.05)
    raise AssertionError(f"{resident(path)} pages were read")


def test_what_cannot_be_read_is_left(tmp_path: Path) -> None:
    assert not read_ahead(tmp_path / "nothing.db")


def resident(path: Path) -> tuple[int, int]:
    done = subprocess.run([sys.executable, "-c", _RESIDENT, str(path)], capture_output=True, text=True, check=True)
    some, all_pages = done.stdout.split()
    return int(some), int(all_pages)
