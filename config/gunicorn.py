"""How the web processes run; `manage.py up` gives address and number."""

import gc
from typing import Any

from config.processes import end_with_parent

worker_class = "config.web_worker.BoundedThreadWorker"
workers = 2
threads = 4
graceful_timeout = 20
timeout = 60
max_requests = 0
accesslog = None
loglevel = "warning"
control_socket_disable = True


def post_fork(server: Any, worker: Any) -> None:
    end_with_parent(parent=worker.ppid)
    # A batch makes a hundred thousand objects and no circle: looking for circles as often as Python does by
    # default costs a fifth of ingest. What was loaded before stays out of every such look.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
