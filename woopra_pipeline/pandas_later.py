"""Arrow without pandas, as long as nobody else imports it.

The first list that Arrow makes an array of has it import pandas, where that is installed, to know
objects of pandas when it sees them. That takes a fifth of a second of processor time in every
process, and no list here holds any.
"""

import sys
from collections.abc import Sequence
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from threading import get_ident
from types import ModuleType

import pyarrow as pa


@cache
def keep_pandas_for_later() -> None:
    """Have Arrow do without pandas until something else imports it in this process.

    From then on Arrow knows it, as if this had never been called.
    """
    if "pandas" in sys.modules:
        return
    finder = _PandasLater(get_ident())
    sys.meta_path.insert(0, finder)
    pa.array([])
    finder.thread = None


class _PandasLater(MetaPathFinder):
    """Finds no pandas for one thread; for whoever asks later it does, and has Arrow told."""

    def __init__(self, thread: int) -> None:
        self.thread: int | None = thread

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "pandas":
            return None
        if self.thread == get_ident():
            raise ModuleNotFoundError("Arrow does without pandas here", name=fullname)
        others = [finder for finder in sys.meta_path if finder is not self]
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next(filter(None, specs), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _ToldToArrow(spec.loader)
        return spec


class _ToldToArrow(Loader):
    """Loads pandas as its own loader does, then has Arrow look for it again."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        pa.table({}).to_pandas()
