"""The server inside a test: started on a free port, its requests to look at, its faults to switch on.

Nothing of it is part of a server that is not a test's.
"""

from s3portal.server.gateway.access_log import RequestRecord
from s3portal.server.testing.fault import Fault
from s3portal.server.testing.faults import Faults
from s3portal.server.testing.holds import Hold
from s3portal.server.testing.movable_clock import MovableClock
from s3portal.server.testing.running_server import RunningServer
from s3portal.server.testing.snapshots import Snapshot

__all__ = ["Fault", "Faults", "Hold", "MovableClock", "RequestRecord", "RunningServer", "Snapshot"]
