"""The pages of the project, and the code blocks in them."""

import re
from dataclasses import dataclass

from woopra_pipeline.data_directory import checkout

DOCS = checkout() / "docs"
AT_THE_TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = {name: (checkout() / name).read_text(encoding="utf-8") for name in AT_THE_TOP} | {
    path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(DOCS.rglob("*.md"))
}
"""Each page by its path below `docs/`, or by its name at the top of the checkout."""


@dataclass(frozen=True)
class Block:
    """A fenced block: the page it is on, what is written behind the opening fence, and its text."""

    page: str
    kind: str
    text: str

    @property
    def title(self) -> str:
        """Its page and first line: no two blocks have the same."""
        return f"{self.page}: {self.text.splitlines()[0]}"


BLOCKS = [
    Block(page, kind, text)
    for page, content in PAGES.items()
    for kind, text in re.findall(r"^```(.*)\n((?:.*\n)*?)```$", content, re.MULTILINE)
]


def blocks(page: str, kind: str) -> list[str]:
    """The texts of the blocks of this kind on a page, in order."""
    return [block.text for block in BLOCKS if (block.page, block.kind) == (page, kind)]
