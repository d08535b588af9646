"""How the engine's functions are compiled: exact IEEE arithmetic, cached on disk.

`kernel` is an entry point or a cold function; `inlined` a part of a hot loop that the compiler
must not leave as a call, because passing many arrays costs more than what the function does.

``_nrt=False`` leaves out reference counts. These functions only borrow the arrays of their
callers and allocate none, and counting made the whole step five times slower.

Numba's cache looks at the file of a function only, not at those of the functions it inlines: after
changing an `inlined` function in another module remove the ``*.nbi`` files.
"""

from collections.abc import Callable
from typing import Any

from numba import njit

_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}

kernel: Callable[[Any], Any] = njit(**_OPTIONS)
inlined: Callable[[Any], Any] = njit(forceinline=True, **_OPTIONS)
