"""`ckan s3multipart policies`: what has to be set at AWS for this site, filled in."""

import json
from dataclasses import asdict

import click

from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.doctor import store_case
from s3portal.portal.doctor import caller_of, site_documents


@click.command(short_help="Print the policies and rules that this site needs.")
@click.argument("name", required=False)
@click.option("--principal", default="", help="The ARN that the portal runs as; asked of STS if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def policies(name: str | None, principal: str, as_json: bool) -> None:
    """Print the policies and rules of this site's bucket and role, filled in: all of them, or the document
    NAME alone, ready to be saved as NAME.json. Changes nothing."""
    documents = site_documents(store_case(), principal or caller_of(portal_store()))
    if name:
        wanted = [each for each in documents if each.name == name]
        if not wanted:
            names = ", ".join(each.name for each in documents)
            raise click.ClickException(f"There is no document {name}; this site has {names}.")
        click.echo(json.dumps(wanted[0].document, indent=2))
        return
    if as_json:
        click.echo(json.dumps([asdict(each) for each in documents], indent=2))
        return
    for each in documents:
        click.echo(f"# {each.name}: {each.title}")
        click.echo(f"# {each.command}")
        click.echo(json.dumps(each.document, indent=2) + "\n")
