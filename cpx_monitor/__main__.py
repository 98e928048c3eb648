"""``python -m cpx_monitor``."""

import sys

from cpx_monitor.entrypoints.launch import monitor

sys.exit(monitor())
