"""`python -m physjax.cli`, the same as `physjax`."""

import sys

from . import main

sys.exit(main())
