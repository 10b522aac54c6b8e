"""``python -m diffevo`` is the command ``diffevo``."""

import sys

from diffevo.cli import main

if __name__ == "__main__":
    sys.exit(main())
