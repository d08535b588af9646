"""What tests run inside worker processes, which import it by name."""

import os


def threads() -> dict[str, object]:
    import numba
    import torch
    from harness.training.threads import ONE_THREAD

    return {
        "torch": torch.get_num_threads(),
        "numba": numba.get_num_threads(),
        **{name: os.environ.get(name) for name in ONE_THREAD},
    }
