"""The exit codes, which are those of monitoring plugins: at-risk is a Nagios check as it stands."""

DONE = 0
INCOMPLETE = 1
AT_RISK = 2
DIFFERENT = TROUBLE = AT_RISK
NO_VERDICT = 3
USAGE = NO_VERDICT


def of_signal(signal_number: int) -> int:
    """As shells tell it: 130 after SIGINT, 143 after SIGTERM."""
    return 128 + signal_number
