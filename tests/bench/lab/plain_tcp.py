"""plain_tcp.py ADDRESS MEGABYTES: sends so much from that address over one plain TCP connection, with nothing else in the way."""
import socket
import sys
import threading

address, left = sys.argv[1], int(sys.argv[2]) << 20
listener = socket.create_server((address, 0))


def serve():
    sender, _ = listener.accept()
    with sender:
        sender.sendall(bytes(left))


threading.Thread(target=serve, daemon=True).start()
with socket.create_connection(listener.getsockname()) as client:
    while chunk := client.recv(1 << 20):
        left -= len(chunk)
sys.exit(left != 0)
