"""Write every page that is made from the code."""

from reference import FOLDER, PAGES

for path, page in PAGES.items():
    (FOLDER / path).write_text(page())
