"""Entry of the gateway process; started by the supervisor with the settings and the listening socket."""

import sys

from regulars.gateway.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
