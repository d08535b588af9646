"""How the inner loops of simulators are compiled, and when a compiled one is out of date.

`kernel` compiles with numba's own rules. `lean_kernel` and `inlined` are for the traffic engine.
Both keep to exact IEEE arithmetic and leave out reference counts: their functions only borrow the
arrays of their callers and allocate none, and counting made a step five times slower. `inlined` is
a part of a hot loop that must not remain a call, because passing many arrays costs more than what
the function does.

Machine code is kept on disk where numba keeps it: in ``__pycache__`` beside the source, where that
cannot be written in the user's cache folder, or wherever ``NUMBA_CACHE_DIR`` says. By itself numba
looks at the file of a function only, and would go on with an old kernel after an edit of another
module that the kernel calls or takes constants from. Here any edit of a *kernel file*, a module
that imports this one, makes all of them stale. That suffices because kernel files import nothing
else of this package (``tests/scenarios/test_compiled.py``).
"""

import hashlib
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache

_LEAN: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
_IMPORT = b"from scenarios.compiled import "


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function at its first call; what it calls must be compiled, too."""
    return _cached(njit(function))


def lean_kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that allocates nothing; division by zero gives what IEEE says."""
    return _cached(njit(**_LEAN)(function))


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a lean function into each of its callers."""
    return _cached(njit(forceinline=True, **_LEAN)(function))


@cache
def sources_hash() -> str:
    """Return the sha256 of all kernel files of the package, and of this one."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        content = path.read_bytes()
        if _IMPORT in content:  # so it is here
            digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _cached(compiled: Any) -> Any:
    """Give a compiled function its place on disk; without compilation it is a Python function."""
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return compiled
    try:
        compiled._cache = _Cache(compiled.py_func)  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        warnings.warn(
            f"compiled functions cannot be kept, every process makes them anew: {error}; "
            "NUMBA_CACHE_DIR may name a folder for them",
            RuntimeWarning,
            stacklevel=3,
        )
    return compiled


class _Files(CompileResultCacheImpl):
    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        """Return a name by the sources, in place of numba's by the line of the function.

        Old code then never stands under a name that a fresh index gives, as it would for a moment,
        or after a crash for good, if numba overwrote it.
        """
        version = f"py{sys.version_info.major}{sys.version_info.minor}{abiflags}"
        return f"{fullname}-{sources_hash()[:16]}.{version}"


class _Cache(FunctionCache):
    _impl_class = _Files

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save machine code, and remove what was made of the function from other sources."""
        super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        name, _, current = self._impl.filename_base.partition("-")
        for file in Path(self.cache_path).glob(f"{name}-*.nb[ic]"):
            if not file.name.startswith(f"{name}-{current[:16]}."):
                file.unlink(missing_ok=True)
