"""`python -m physjax`: the command line."""

from .cli import main

raise SystemExit(main())
