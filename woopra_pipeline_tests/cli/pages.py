"""The pages of the project, and the code blocks in them."""

import re
from dataclasses import dataclass

from woopra_pipeline.data_directory import checkout

DOCS = checkout() / "docs"
AT_THE_TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = {
    path.name: path.read_text(encoding="utf-8")
    for path in (*(checkout() / name for name in AT_THE_TOP), *sorted(DOCS.glob("*.md")))
}


@dataclass(frozen=True)
class Block:
    """A fenced block: the page it is on, what stands behind the fence, and its text."""

    page: str
    kind: str
    text: str

    @property
    def title(self) -> str:
        """Its page and first line, which tell it from all others."""
        return f"{self.page}: {self.text.splitlines()[0]}"


BLOCKS = [
    Block(page, kind, text)
    for page, content in PAGES.items()
    for kind, text in re.findall(r"^```(.*)\n((?:.*\n)*?)```$", content, re.MULTILINE)
]


def blocks(page: str, kind: str) -> list[str]:
    """The texts of the blocks of this kind on a page, in order."""
    return [block.text for block in BLOCKS if (block.page, block.kind) == (page, kind)]
