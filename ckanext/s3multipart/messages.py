"""What can be translated of the extension: ``bin/translations`` collects and compiles it."""

from pathlib import Path

# They register their errors as subclasses.
import ckanext.s3multipart.errors
import ckanext.s3multipart.extending.errors
import ckanext.s3multipart.scanning.errors  # noqa: F401
from s3portal.portal.texts import Source, Texts
from s3portal.portal.web import web_folder

PACKAGE = Path(__file__).resolve().parent
TEXTS = Texts(
    portal="CKAN",
    template=PACKAGE / "i18n" / "ckanext-s3multipart.pot",
    sources=(
        Source(PACKAGE, (("migration/**", "ignore"), ("**.py", "python"), ("**/templates/**.html", "ckan"))),
        Source(web_folder("templates"), (("**.html", "ckan"),)),
    ),
)

if __name__ == "__main__":
    TEXTS.main()
