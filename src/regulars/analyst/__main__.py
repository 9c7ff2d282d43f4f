"""`python -m regulars.analyst --data DIR`: started by `client.AnalystClient`, not by hand."""

import argparse
import os
import sys
from pathlib import Path

from regulars.analyst.server import serve

parser = argparse.ArgumentParser(prog="regulars.analyst")
parser.add_argument("--data", type=Path, required=True)
parser.add_argument("--idle-seconds", type=float, default=120)
parser.add_argument("--nice", type=int, default=10)
options = parser.parse_args()
code = serve(options.data, idle_seconds=options.idle_seconds, nice=options.nice)
sys.stderr.flush()
# Not sys.exit: the thread that waits for questions holds standard input, which the interpreter would close first.
os._exit(code)
