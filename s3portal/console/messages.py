"""What can be translated of the console: ``bin/translations`` collects and compiles it."""

from pathlib import Path

from s3portal.portal.texts import Source, Texts
from s3portal.portal.web import web_folder

PACKAGE = Path(__file__).resolve().parent
_METHODS = (("**.py", "python"), ("**.html", "jinja2"))
TEXTS = Texts(
    portal="the console",
    template=PACKAGE / "translations" / "console.pot",
    sources=(Source(PACKAGE, _METHODS), Source(web_folder("templates") / "s3portal", _METHODS)),
)

if __name__ == "__main__":
    TEXTS.main()
