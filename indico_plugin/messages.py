"""What can be translated of the plugin: ``bin/translations`` collects and compiles it."""

from pathlib import Path

from s3portal.portal.texts import Source, Texts
from s3portal.portal.web import web_folder

PACKAGE = Path(__file__).resolve().parent
_METHODS = (("migrations/**", "ignore"), ("**.py", "python"), ("**.html", "jinja2"))
TEXTS = Texts(
    portal="Indico",
    template=PACKAGE / "translations" / "messages.pot",
    sources=(Source(PACKAGE, _METHODS), Source(web_folder("templates") / "s3portal", _METHODS)),
)

if __name__ == "__main__":
    TEXTS.main()
