"""nginx: one process, with a folder and a configuration of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.machine import allow_many_files
from benchmarks.note import ANSWER, PATH
from benchmarks.servers.files import Certificate, Commands

MOST_CONNECTIONS: Final = 16_384

CONFIGURATION: Final = """\
daemon off;
master_process off;
pid nginx.pid;
error_log error.log error;
events {{ worker_connections {connections}; multi_accept on; }}
http {{
  access_log off;
  server_tokens off;
  keepalive_requests 1000000000;  # the default closes a connection after 1,000
  keepalive_timeout 3600s;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  ssl_certificate {chain};
  ssl_certificate_key {key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_buffer_size 4k;
  server {{
    listen 127.0.0.1:{plain} backlog=4096;
    listen 127.0.0.1:{secure} ssl backlog=4096;
    location = {path} {{
      if ($request_method != POST) {{ return 405; }}
      default_type application/json;
      return 200 '{answer}';
    }}
  }}
}}
"""


def find() -> tuple[str, Commands] | None:
    """Look for nginx."""
    program = shutil.which("nginx", path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin") or shutil.which("nginx")
    if program is None:
        return None
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)  # noqa: S603 - found above
    version = said.stderr.strip().rpartition("/")[2].split()

    def commands(folder: Path, certificate: Certificate, plain: int, secure: int) -> list[list[str]]:
        configuration = folder / "nginx.conf"
        text = CONFIGURATION.format(
            connections=min(MOST_CONNECTIONS, allow_many_files()),
            chain=certificate.chain,
            key=certificate.key,
            plain=plain,
            secure=secure,
            path=PATH,
            answer=ANSWER.decode(),
        )
        configuration.write_text(text, "utf-8")
        return [[program, "-e", "stderr", "-p", str(folder), "-c", str(configuration)]]

    return f"nginx {version[0] if version else ''} (keepalive_requests raised)", commands
