"""Ordinary work of one host, at random: names, pages, pings, ARP, renewals of its lease.

  lab_office.py SEED SERVER PID-FILE-OF-ITS-DHCP-CLIENT [PROXY PORT]
"""

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time

seed, server, client, *proxy = sys.argv[1:]
dice = random.Random(seed)
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Edg/120.0"
NAMES = ["files", "mail", "portal", "print", "time", "wsus", "dc01", "kintai"]


def name():
    labels = [dice.choice(NAMES), "city", "example"]
    question = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.settimeout(0.5)
        out.sendto(dice.randbytes(2) + b"\1\0\0\1" + bytes(6) + question, (server, 53))
        out.recv(512)


def page():
    host, port = proxy or (server, "80")
    connection = http.client.HTTPConnection(host, int(port), timeout=1)
    try:
        connection.request("GET", f"http://{server}/" if proxy else "/", headers={"Host": server, "User-Agent": AGENT})
        connection.getresponse().read()
    finally:
        connection.close()


def ping():
    subprocess.run(["busybox", "ping", "-c", "1", "-W", "1", server], capture_output=True, check=False)


def forget():
    """The next packet asks by ARP."""
    subprocess.run(["ip", "neigh", "flush", "dev", "eth0"], capture_output=True, check=False)


def renew():
    with open(client, encoding="ascii") as number:
        os.kill(int(number.read()), signal.SIGUSR1)


while True:
    time.sleep(dice.expovariate(1.0) + 0.1)
    what = dice.choices([name, page, ping, forget, renew], [6, 6, 2, 1, 1])[0]
    try:
        what()
    except (OSError, ValueError, http.client.HTTPException):
        pass
