"""What every suite needs."""

import importlib.util
import signal

# A shell that starts tests in the background makes all they start ignore Ctrl-C; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Not every suite's environment has it.
if importlib.util.find_spec("hypothesis"):
    from hypothesis import HealthCheck, settings

    # How long an example takes measures the machine, and a run that fails fails again with the same examples.
    settings.register_profile(
        "s3portal", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("s3portal")
