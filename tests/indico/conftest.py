"""A real Indico with PostgreSQL, Redis and S3 servers, started once for all tests of this folder.

PostgreSQL is this machine's own (apt's, which has the extensions that Indico needs) or the one that
``S3PORTAL_TEST_POSTGRESQL`` names, as ``postgresql://superuser@host:port``. Without either, nothing here
runs. The store is the bundled server, or the one that the environment names: see foreign.py.
"""

import os
import uuid

import pytest
from caller import Caller
from foreign import read_foreign, skip_without
from services import Postgres, S3Server, find_postgres, start_moto, start_s3_server
from site_folder import Database, Site

from s3portal.demo.redis import Redis


@pytest.fixture(scope="session")
def database():
    """A PostgreSQL server."""
    if uri := os.environ.get("S3PORTAL_TEST_POSTGRESQL"):
        yield Database(uri.rstrip("/"))
        return
    programs = find_postgres()
    if programs is None:
        pytest.exit("THE INDICO SUITE DID NOT RUN: no PostgreSQL here; see tests/indico/conftest.py", 4)
    server = Postgres(programs).start()
    yield Database(server.uri)
    server.stop()


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """The URL of a Redis server."""
    server = Redis(tmp_path_factory.mktemp("redis")).start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """The store, with a bucket: our own S3 server where the environment names no other."""
    server = read_foreign(os.environ) or start_s3_server(tmp_path_factory.mktemp("s3"))
    server.client.create_bucket(Bucket="indico-files")
    rule = {"ID": "unfinished", "Status": "Enabled", "Filter": {"Prefix": ""}}
    server.client.put_bucket_lifecycle_configuration(
        Bucket="indico-files",
        LifecycleConfiguration={
            "Rules": [{**rule, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]
        },
    )
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def needs_of_the_store(request):
    """Skips a test where another store than the bundled one lacks what it needs."""
    for mark in request.node.iter_markers("needs"):
        skip_without(request.getfixturevalue("s3"), mark.args[0])


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """moto, for what our own server does not know."""
    server = start_moto(tmp_path_factory.mktemp("moto"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def versioned_s3(s3, request):
    """A store with bucket policies and versions: moto where the store is our own server."""
    return s3 if s3.is_foreign else request.getfixturevalue("moto")


@pytest.fixture(scope="session")
def prepared_database(database, redis, tmp_path_factory):
    """The name of a database with Indico's tables and the plugin's, to copy."""
    name = database.create()
    database.execute("CREATE EXTENSION unaccent", "CREATE EXTENSION pg_trgm", database=name)
    site = Site(tmp_path_factory.mktemp("prepare"), database, name, redis).write()
    site.indico("db", "prepare")
    return name


@pytest.fixture(scope="session")
def make_site(database, redis, prepared_database, tmp_path_factory):
    """A new site with a database of its own."""

    def make(**fields) -> Site:
        folder = tmp_path_factory.mktemp("site")
        return Site(folder, database, database.create(prepared_database), redis, **fields).write()

    return make


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """An empty bucket."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.client.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def app(make_site, s3):
    """The application of one site, in this process: most tests are about it."""
    site = make_site(
        backends={
            "s3": f"s3:{s3.options(bucket='indico-files')}",
            "old": f"s3-readonly:{s3.options(bucket='indico-files')}",
            "dyn": f"s3-dynamic:{s3.options(bucket_template='dyn-<year>', bucket_secret='x', meta='year')}",
        },
        attachments="s3",
        base_url="http://localhost",
        more="MAX_UPLOAD_FILE_SIZE = 100\nMAX_UPLOAD_FILES_TOTAL_SIZE = 200",
    )
    os.environ.update(site.environment)
    from indico.web.flask.app import make_app

    application = make_app()
    application.site = site
    return application


@pytest.fixture
def context(app):
    """An application context of Indico."""
    with app.app_context():
        yield app


@pytest.fixture
def world(context):
    """A category with an event, its manager, and somebody else."""
    # Imported here, since Indico takes seconds to import, and not every test needs it.
    from uploading import world_with_direct_uploads

    with world_with_direct_uploads() as world:
        yield world


@pytest.fixture
def manager(app, world):
    """The manager in front of a browser."""
    return Caller(app, world.manager)


@pytest.fixture
def stranger(app, world):
    """Somebody who may manage nothing."""
    return Caller(app, world.stranger)


def pytest_configure(config):
    config.addinivalue_line("markers", "smoke: what is run on every version of Indico")
    config.addinivalue_line("markers", "needs(need): what the test needs of a store, of foreign.py's NEEDS")
