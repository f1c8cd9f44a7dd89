"""script_relay.py PORT HOST HOSTS-PORT CA: a relay the way the script that Azure generates does it: in Python, a thread for each direction."""
import socket
import ssl
import sys
import threading

port, host, server, ca = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
context = ssl.create_default_context(cafile=ca)


def copy(source, sink):
    try:
        while data := source.recv(8192):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


listener = socket.create_server(("127.0.0.1", port))
while True:
    client, _ = listener.accept()
    portal = context.wrap_socket(socket.create_connection((host, server)), server_hostname=host)
    for one, other in ((client, portal), (portal, client)):
        threading.Thread(target=copy, args=(one, other), daemon=True).start()
