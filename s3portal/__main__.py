"""``python -m s3portal``: the command without its script."""

from s3portal.cli import main

main(prog_name="s3portal")
