"""Every odd and hostile upload as a file, to try by hand: `python -m tests.attacks.corpus FOLDER`.

`expected.json` says what must become of each.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.attacks.archives import ARCHIVES
from tests.attacks.pictures import PICTURES


def write(folder: Path) -> int:
    """Write the corpus and return how many files it has."""
    expected: dict[str, dict[str, Any]] = {}
    for zipped in ARCHIVES:
        path = Path("zips", f"{zipped.name}.zip")
        expected[str(path)] = {"images": zipped.images, "said": zipped.said}
        _write(folder / path, zipped.make())
    for picture in PICTURES:
        path = Path("pictures", "fox", picture.name)
        expected[str(path)] = {"images": int(not picture.refused), "said": picture.refused}
        _write(folder / path, picture.make())
    _write(folder / "expected.json", json.dumps(expected, indent=1).encode())
    return len(expected)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    print(write(Path(sys.argv[1])), "files")
