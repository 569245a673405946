"""How the docs become a site, each language with its own search and words: `make docs`."""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

project = "kf-template"
language = "en"
exclude_patterns = ["fr"]
html_title = project
extensions = ["myst_parser"]
templates_path = ["_templates"]
html_theme = "furo"
html_use_index = False
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
highlight_language = "bash"

# What Furo says and Sphinx does not translate, as it stands in a page between or after these marks.
FRENCH = {
    ">Skip to content<": ">Aller au contenu<",
    ">Back to top<": ">Haut de la page<",
    ">Next<": ">Suivant<",
    ">Previous<": ">Précédent<",
    ">Home<": ">Accueil<",
    ">Contents<": ">Contenu<",
    ">Expand<": ">Déplier<",
    ">Light mode<": ">Mode clair<",
    ">Dark mode<": ">Mode sombre<",
    ">Auto light/dark, in light mode<": ">Automatique, en mode clair<",
    ">Auto light/dark, in dark mode<": ">Automatique, en mode sombre<",
    '"Toggle site navigation sidebar"': '"Afficher ou masquer le menu"',
    '"Toggle table of contents sidebar"': '"Afficher ou masquer le sommaire de la page"',
    '"Toggle Light / Dark / Auto color theme"': '"Changer de thème : clair, sombre, automatique"',
    "\n            On this page\n": "\n            Sur cette page\n",
    "\n            Made with \n": "\n            Fait avec \n",
}
# Where the docs are read as files, their first page leads to the other language; on the site each page does.
TO_THE_OTHER = re.compile(r"^\[[^\]]+\]\((?:\.\./|fr/)index\.md\)\.\n", re.MULTILINE)


def without_link(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = TO_THE_OTHER.sub("", source[0])


def into_french(app: Sphinx, error: Exception | None) -> None:
    """Translate Furo's words, and warn of any that no page has: Furo says it otherwise by now."""
    if error or app.config.language != "fr":
        return
    missing = set(FRENCH)
    for page in Path(app.outdir).glob("*.html"):
        html = page.read_text(encoding="utf-8")
        missing -= {words for words in missing if words in html or FRENCH[words] in html}  # of an earlier build
        for words, french in FRENCH.items():
            html = html.replace(words, french)
        page.write_text(html, encoding="utf-8")
    for words in sorted(missing):
        logging.getLogger(__name__).warning("docs/conf.py: no page of the theme says %r any more.", words)


def setup(app: Sphinx) -> None:
    app.connect("source-read", without_link)
    app.connect("build-finished", into_french)
