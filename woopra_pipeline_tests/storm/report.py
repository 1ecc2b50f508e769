"""What a storm has done, counted."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Report:
    """Counts over all rounds."""

    rounds: int = 0
    failed_seeds: list[int] = field(default_factory=list)
    processes: int = 0
    fetches: int = 0
    imports: int = 0
    lines_taken: int = 0
    kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """Of the server, by name."""
    disk_faults: Counter[str] = field(default_factory=Counter)
    """By name."""
    obeyed: int = 0
    """How often what a message says was done before the command was run again."""
    seconds: float = 0.0

    def __str__(self) -> str:
        lines = [
            f"rounds        {self.rounds:,} in {self.seconds:,.0f} s",
            f"processes     {self.processes:,}, of which {self.kills:,} were killed",
            f"fetches       {self.fetches:,}",
            f"imports       {self.imports:,}, in which {self.lines_taken:,} lines were taken",
            f"faults        {_counted(self.faults)}",
            f"disk faults   {_counted(self.disk_faults)}",
            f"messages obeyed {self.obeyed:,}",
        ]
        if self.failed_seeds:
            lines.append(f"failed        {len(self.failed_seeds)}: seeds {self.failed_seeds}")
        return "\n".join(lines)


def _counted(faults: Counter[str]) -> str:
    names = ", ".join(f"{number:,} {name}" for name, number in sorted((+faults).items()))
    return f"{faults.total():,}" + (f": {names}" if names else "")
