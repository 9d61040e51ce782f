# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard input and output to a TCP server and back: how a process outside of a host's network reaches it. Arguments: from, to, port."""

from __future__ import annotations

import os
import socket
import sys
import threading


def main() -> None:
    source, target, port = sys.argv[1:]
    with socket.create_connection((target, int(port)), source_address=(source, 0)) as server:

        def answer() -> None:
            while data := server.recv(65536):
                os.write(1, data)
            os._exit(0)

        threading.Thread(target=answer, daemon=True).start()
        while data := os.read(0, 65536):
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)
        threading.Event().wait(60)


if __name__ == "__main__":
    main()
