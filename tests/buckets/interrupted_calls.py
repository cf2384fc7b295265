"""Interrupts calls side by side again and again, at other moments each time. Run by test_parallel.py."""

import os
import signal
import threading
import time

from s3portal.buckets.parallel import side_by_side

ROUNDS = 30


def interrupt(after_s: float) -> None:
    # What is tried is a moment, whatever has been done by then: there is no condition to wait for.
    time.sleep(after_s)
    os.kill(os.getpid(), signal.SIGINT)


signal.signal(signal.SIGINT, signal.default_int_handler)
for number in range(ROUNDS):
    try:
        threading.Thread(target=interrupt, args=(0.02 + number * 0.001,), daemon=True).start()
        for _ in side_by_side(lambda each: each, iter(int, 1), 32):
            pass
    except KeyboardInterrupt:
        print(number, flush=True)
