"""The peer's application, made as its own documentation makes it; its database is named by `PEER_DATABASE`.

Runs in the peer's environment, under `uvicorn benchmarks.peer_server:app`, as its Dockerfile does.
"""

import os

from core.mail_proxy.proxy import MailProxy
from core.mail_proxy.proxy_config import ProxyConfig

app = MailProxy(config=ProxyConfig(db_path=os.environ["PEER_DATABASE"], start_active=True)).api
