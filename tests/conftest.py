"""What every suite needs."""

import signal

# A shell that starts tests in the background makes all they start ignore Ctrl-C; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)
