"""`ckan s3multipart webhooks`: what was told, and what could not be."""

import json
from dataclasses import asdict

import click

from ckanext.s3multipart.outbox.event_model import DeliveryState
from ckanext.s3multipart.outbox.kept_events import (
    KeptDelivery,
    count_deliveries,
    kept_deliveries,
    send_again,
)
from ckanext.s3multipart.outbox.sending import send_waiting


@click.group()
def webhooks() -> None:
    """List events for webhooks, and send them again."""


@webhooks.command(name="list", short_help="List events that wait or were given up.")
@click.option("--all", "everything", is_flag=True, help="Also those that were delivered.")
@click.option("--most", default=100, show_default=True, help="How many to list, the newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_webhooks(everything: bool, most: int, as_json: bool) -> None:
    """List events that wait to be sent or were given up, newest first. Events are kept for 30 days."""
    states = list(DeliveryState) if everything else [DeliveryState.WAITING, DeliveryState.GIVEN_UP]
    found, counted = kept_deliveries(states, most), count_deliveries()
    if as_json:
        deliveries = [_as_dict(each) for each in found]
        click.echo(json.dumps({**counted, "deliveries": deliveries}))
        return
    for each in found:
        error = f"  {each.last_error}" if each.last_error else ""
        click.echo(
            f"{each.id:>8}  {each.state:<9}  {each.happened_at:%Y-%m-%d %H:%M}  {each.kind:<16}  {each.url}"
            f"  {each.attempts} attempts{error}"
        )
    click.echo(
        f"{counted[DeliveryState.WAITING]:,} wait, {counted[DeliveryState.GIVEN_UP]:,} were given up,"
        f" {counted[DeliveryState.DELIVERED]:,} were delivered"
    )


@webhooks.command(short_help="Send events again now.")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=int)
def retry(ids: tuple[int, ...]) -> None:
    """Send events again that wait or were given up: those with these numbers, or all of them."""
    again = send_again(ids)
    if ids and not again:
        raise click.ClickException("There is no such event that waits or was given up.")
    _deliver()


@webhooks.command(short_help="Send what is due.")
def deliver() -> None:
    """Send what is due, as the janitor does. For a cron job where workers have no scheduler (CKAN before
    2.12)."""
    _deliver()


def _deliver() -> None:
    sent = send_waiting()
    click.echo(f"{sent.delivered:,} delivered, {sent.failed:,} failed, {sent.given_up:,} given up")
    if sent.failed or sent.given_up:
        raise click.exceptions.Exit(1)


def _as_dict(delivery: KeptDelivery) -> dict[str, object]:
    moments = {"happened_at": delivery.happened_at.isoformat(), "next_at": delivery.next_at.isoformat()}
    return {**asdict(delivery), **moments}
