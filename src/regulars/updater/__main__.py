"""Entry of the updater process; started by the supervisor with the settings."""

import sys

from regulars.updater.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
