"""Run a script that imports CityFlow on the engine of this project.

::

    python -m scenarios.traffic.as_cityflow script.py [arguments]
    python -m scenarios.traffic.as_cityflow -m module [arguments]

For this run `import cityflow` finds `scenarios.traffic.cityflow`; otherwise nothing has that name,
so that a real CityFlow is never hidden.
"""

import runpy
import sys
from pathlib import Path

from scenarios.traffic import cityflow


def main() -> None:
    """Run what the command line names, as Python would."""
    _, *arguments = sys.argv
    module = arguments[:1] == ["-m"]
    if len(arguments) < 1 + module:
        sys.exit(__doc__)
    sys.modules["cityflow"] = cityflow
    sys.argv = arguments[module:]
    if module:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    elif Path(sys.argv[0]).is_file():
        sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        sys.exit(f"{sys.argv[0]}: there is no such script")


if __name__ == "__main__":
    main()
