"""A host behind a gateway under test: answers on many ports, tells what arrived, and tries.

render_peer.py serve INTERFACE FILE   echo servers; every IP packet that came in, one a line
render_peer.py probe JSON             [[source, destination, "tcp"|"udp", port], ...] -> [bool, ...]
"""

import json
import socket
import struct
import sys
import threading

TCP = [22, 443, 4172, 8443]
UDP = [53, 123, 443]
PATIENCE_S = 1.0


def serve(interface, path):
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sniffer.bind((interface, 0))
    for family, anywhere in [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]:
        for kind, ports in [(socket.SOCK_STREAM, TCP), (socket.SOCK_DGRAM, UDP)]:
            for port in ports:
                own = socket.socket(family, kind)
                own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                own.bind((anywhere, port))
                if kind == socket.SOCK_STREAM:
                    own.listen(64)
                answer = stream if kind == socket.SOCK_STREAM else datagrams
                threading.Thread(target=answer, args=(own,), daemon=True).start()
    with open(path, "w", encoding="ascii") as log:
        log.write("ready\n")
        log.flush()
        while True:
            frame, where = sniffer.recvfrom(2048)
            if where[2] != socket.PACKET_OUTGOING and (line := described(frame)):
                log.write(line + "\n")
                log.flush()


def described(frame):
    kind = struct.unpack("!H", frame[12:14])[0]
    if kind == 0x0800:
        own, protocol = frame[14 + 4 * (frame[14] & 15):], frame[23]
        ends = [socket.inet_ntop(socket.AF_INET, frame[at:at + 4]) for at in (26, 30)]
    elif kind == 0x86DD:
        own, protocol = frame[54:], frame[20]
        ends = [socket.inet_ntop(socket.AF_INET6, frame[at:at + 16]) for at in (22, 38)]
    else:
        return None
    if protocol not in (6, 17):
        return None
    ports = struct.unpack("!HH", own[:4])
    return f"{ends[0]} {ends[1]} {protocol} {ports[0]} {ports[1]}"


def stream(listener):
    while True:
        own, _ = listener.accept()
        own.sendall(b"here")
        own.close()


def datagrams(own):
    # Answers from the address that was asked, which a plain sendto need not do.
    for level, option in [(socket.IPPROTO_IP, 8), (socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO)]:
        try:
            own.setsockopt(level, option, 1)
        except OSError:
            pass
    while True:
        content, extra, _, peer = own.recvmsg(2048, 256)
        back = []
        for level, kind, info in extra:
            if level == socket.IPPROTO_IP:
                back.append((level, kind, struct.pack("=I4s4s", 0, info[8:12], b"\0" * 4)))
            else:
                back.append((level, kind, info))
        own.sendmsg([content], back, 0, peer)


def probe(source, destination, protocol, port):
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as own:
        own.settimeout(PATIENCE_S)
        own.bind((source, 0))
        try:
            own.connect((destination, port))
            if kind == socket.SOCK_DGRAM:
                own.send(b"here")
            return own.recv(16) == b"here"
        except OSError:
            return False


def probes(wanted):
    found = [False] * len(wanted)

    def one(index):
        found[index] = probe(*wanted[index])

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(found))


if sys.argv[1] == "serve":
    serve(sys.argv[2], sys.argv[3])
else:
    probes(json.loads(sys.argv[2]))
