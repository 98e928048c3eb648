"""The scripts by which shells complete cpx-monitor."""
