"""``s3portal explain``: why a server refused a request."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TextIO

import click

from s3portal.server.access.mismatch import first_difference
from s3portal.server.config import PREFIX
from s3portal.server.gateway.refusals import Refusal, read_refusals

LISTED = 10


@click.command("explain")
@click.argument("request_id", required=False)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    envvar=f"{PREFIX}ROOT",
    default="s3-data",
    show_default=True,
    help="The server's folder.",
)
@click.option(
    "--canonical",
    type=click.File("r", encoding="utf-8"),
    help="The canonical request that the client logged, to compare with the server's. - is standard input.",
)
def explain_command(request_id: str | None, root: Path, canonical: TextIO | None) -> None:
    """Say why a server on this machine refused a request.

    REQUEST_ID is in the answer (RequestId, x-amz-request-id). Without one, the last refusals are listed.
    """
    if request_id is None:
        for refusal in deque(read_refusals(root), maxlen=LISTED):
            click.echo(
                f"{refusal.at}  {refusal.request_id}  {refusal.status} {refusal.code}  {refusal.reason}"
            )
        return
    found = next((r for r in read_refusals(root) if r.request_id == request_id.upper()), None)
    if found is None:
        raise click.ClickException(
            f"No refusal {request_id} is noted in {root}. The server keeps the last megabyte of "
            "refusals; other answers are in its log (--log)."
        )
    _tell(found, canonical.read() if canonical is not None else None)


def _tell(refusal: Refusal, their_canonical_request: str | None) -> None:
    click.echo(f"{refusal.method} {refusal.resource} ({refusal.operation}), {refusal.at}")
    click.echo(f"by {refusal.user or 'nobody known'}: {refusal.status} {refusal.code}")
    click.echo(f"Reason: {refusal.reason}")
    if refusal.missing_permission:
        click.echo(f"Missing permission: {refusal.missing_permission}")
    if refusal.clock_difference_s is not None:
        click.echo(f"Clock difference: {refusal.clock_difference_s} s (the server's time less the caller's)")
    if not refusal.ours:
        return
    click.echo("\nThe canonical request of the server:")
    click.echo(_numbered(refusal.ours))
    theirs = their_canonical_request or refusal.theirs
    if not theirs:
        click.echo(
            "\nThe caller's is not known. Let the client log it, and give it with --canonical "
            "(boto3: boto3.set_stream_logger('botocore.auth'))."
        )
        return
    click.echo("\nThe canonical request of the caller:")
    click.echo(_numbered(theirs))
    difference = first_difference(refusal.ours, theirs)
    if difference is None:
        click.echo("\nThey are the same: the secret access keys differ.")
        return
    number, ours, signed = difference
    click.echo(f"\nThey differ first in line {number}:\n  server: {ours}\n  caller: {signed}")


def _numbered(text: str) -> str:
    return "\n".join(f"{number:4}  {line}" for number, line in enumerate(text.rstrip("\n").split("\n"), 1))
