"""``python -m lifebuoy.guest.doctor``: the doctor from a checkout, without the zipapp."""

import sys

from .cli import main

sys.exit(main())
