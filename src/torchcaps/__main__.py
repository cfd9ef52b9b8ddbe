"""`python -m torchcaps`, which torchrun needs."""

import sys

from torchcaps.cli.main import main

sys.exit(main())
