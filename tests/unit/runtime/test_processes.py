"""What every child process does first."""

import subprocess
import sys

#: The signal comes in the moment in which the main thread, waiting, holds the event's own lock.
_WAITING = """
import os, signal
from regulars.runtime.processes import stop_on_signals
stopping = stop_on_signals()
with stopping._cond:
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):
        pass
print(stopping.wait(20))
"""


def test_a_signal_that_comes_while_the_process_waits_for_it_ends_the_waiting() -> None:
    done = subprocess.run([sys.executable, "-c", _WAITING], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "True\n", done.stderr
