"""How the docs become a site: `make docs`."""

project = "kf-template"
html_title = project
extensions = ["myst_parser"]
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
highlight_language = "bash"
