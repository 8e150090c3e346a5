"""What the kernel does for us when a parent process ends."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(how: signal.Signals = signal.SIGKILL, *, parent: int | None = None) -> None:
    """Have this process get a signal when its parent ends, even by SIGKILL. Linux; elsewhere nothing happens.

    parent: its process id where known: if it has ended already, the signal comes at once.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(how))
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), how)
