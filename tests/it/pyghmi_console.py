"""pyghmi's console on standard input and output: python3 pyghmi_console.py HOST PORT USER, the password in IPMI_PASSWORD."""

import os
import sys
import threading

from pyghmi.ipmi import console


def show(data):
    """Bytes are the host's; anything else is what pyghmi has to say."""
    if not isinstance(data, bytes):
        data = f"[{data}]\n".encode()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def type_keys(sol):
    while keys := os.read(0, 512):
        sol.send_data(keys)
    sol.close()
    # Its loop would wait for ever.
    os._exit(0)


host, port, user = sys.argv[1:]
sol = console.Console(
    bmc=host, port=int(port), userid=user, password=os.environ["IPMI_PASSWORD"], iohandler=show, force=True
)
threading.Thread(target=type_keys, args=(sol,), daemon=True).start()
sol.main_loop()
