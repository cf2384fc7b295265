"""Run as the server of tests that kill it: its background jobs begin again at once, not once an hour."""

from __future__ import annotations

from s3portal.server.background import lifecycle
from s3portal.server.command import server_command

if __name__ == "__main__":
    lifecycle.EVERY_S = 0.02
    server_command(prog_name="s3portal server")
