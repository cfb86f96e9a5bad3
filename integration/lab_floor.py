"""A floor of a city hall for `integration/lab rogue`: Windows-like PCs with certificates, a
printer, a telephone, each in a namespace, at work while others are brought in."""

import itertools
import threading
import time

from lab_network import ROOT, SEKISHO, Lab, ip, run

# The host, where it sits (a port that is free at the start has nobody), its MAC's last octet.
SEATS = {
    "hotspot": ("port1", 0x11), "printer": ("port2", 0x03), "web": ("port4", 0x14), "bridge": ("port5", 0x15),
    "sharing": ("port6", 0x16), "proxied": ("port7", 0x17), "virtual": ("port10", 0x1a), "telephone": ("port11", 0x1b),
    "note": ("port12", 0x1c), "netboot": ("port13", 0x1d), "browser": ("port14", 0x1e), "vmware": ("port15", 0x1f), "routed": ("port16", 0x20),
}
# Brought in later: nobody's PC, phones with the MACs of label printers that are in store, the next
# notebook on the same adapter, boxes before a PC.
LATER = {"laptop": 0x03, "android": 0x18, "iphone": 0x19, "other-note": 0x1c, "inline": 0x17, "router": 0x20}
# Behind others: a PC at its telephone, phones, a virtual machine.
BEHIND = ["phoned", "joiner", "client", "guest", "carrier"]
PHONED = "00:00:5e:00:53:2b"
PCS = ["hotspot", "web", "bridge", "sharing", "proxied", "virtual", "phoned", "note", "netboot", "browser", "vmware", "routed"]
# Registered by MAC at a port of B.
EQUIPMENT = {"android": "port8", "iphone": "port9"}
# Ports that the first device opens for all: a telephone's, as the plan says, and one at which the
# plan takes each for authenticated.
SEVERAL = {"port5": 'host_mode = "multi-auth"', "port11": 'host_mode = "multi-host", environments = ["B"], reason = "a telephone on the desk"'}
PROXY = ("10.1.0.11", "8888")

# What a bridge does, for want of one in the kernel: frames of one kind from either side to the
# other.
WIRE = """import socket, select, sys
kind = int(sys.argv[3], 0)
ends = []
for name in sys.argv[1:3]:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
    end.bind((name, kind))
    index = socket.if_nametoindex(name)
    end.setsockopt(263, 1, index.to_bytes(4, sys.byteorder) + (1).to_bytes(2, sys.byteorder) + bytes(10))
    ends.append(end)
while True:
    for end in select.select(ends, [], [])[0]:
        frame, (_, _, packet, _, _) = end.recvfrom(65535)
        if packet != socket.PACKET_OUTGOING:
            try:
                ends[end is ends[0]].send(frame)
            except OSError:
                pass"""

# A phone: its probe's names, then connections like any other's.
PHONE = """import random, socket, sys, time
server, names = sys.argv[1], sys.argv[2:]
while True:
    name = b"".join(bytes([len(part)]) + part.encode() for part in random.choice(names).split("."))
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(bytes(2) + b"\\1\\0\\0\\1" + bytes(6) + name + b"\\0\\0\\1\\0\\1", (server, 53))
        socket.create_connection((server, 80), 1).close()
    except OSError:
        pass
    time.sleep(random.uniform(0.5, 1.5))"""
ANDROID = ["connectivitycheck.gstatic.com", "play.googleapis.com", "2.android.pool.ntp.org"]
IPHONE = ["captive.apple.com", "time-ios.apple.com", "1-courier.push.apple.com"]


def mac(last):
    return f"00:00:5e:00:53:{last:02x}"


# What a DHCP client runs when it has a lease: busybox's, and ISC's.
BOUND = """#!/bin/sh
case "$1" in bound|renew)
  ip addr replace $ip/$mask dev $interface
  [ -z "$router" ] || ip route replace default via $router
esac
"""
LEASED = """#!/bin/sh
[ -n "$new_ip_address" ] || exit 0
ip addr replace $new_ip_address/$new_subnet_mask dev $interface
[ -z "$new_routers" ] || ip route replace default via ${new_routers%% *}
"""
# Windows' option 55.
ASKED = (1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 121, 249, 252)
# Options that ISC's client does not know by itself.
UNKNOWN = """option rfc3442 code 121 = array of unsigned integer 8;
option captive code 114 = text;
option v6only code 108 = unsigned integer 32;
option wpad code 252 = text;
option search code 119 = text;
initial-interval 1;
timeout 30;
"""


class Floor(Lab):
    hosts = {host: (mac(last), port) for host, (port, last) in SEATS.items()}
    hosts |= {host: (mac(last), None) for host, last in LATER.items()}
    ports = [f"port{number}" for number in range(1, 17)]

    def __init__(self, name, seed):
        super().__init__(name)
        self.namespaces += BEHIND
        self.seed = seed
        self.numbers = itertools.count()
        self.over = threading.Event()
        self.assets, self.wrong = {}, []

    # The site.

    def files(self):
        super().files()
        old = '  { names = "port1-4", role = "auth", host_mode = "single" },\n'
        single = 'host_mode = "single"'
        new = "".join(f'  {{ names = "{port}", role = "auth", {SEVERAL.get(port, single)} }},\n' for port in self.ports)
        self.edit("topology/honcho/site.toml", old, new)
        lines = []
        for number, host in enumerate([*PCS, "other-note"], 101):
            self.assets[host], environment = f"P-{number:04}", "B" if host == "phoned" else "A"
            # An adapter that two notebooks share is registered for whoever has it.
            own = {"phoned": PHONED, "other-note": mac(0x2c)}.get(host) or self.hosts[host][0]
            lines.append(f"{self.assets[host]},PC{number:04},example.test,DeskMate 3100,SN{number:04},{dashed(own)},"
                         f"{self.certificate(host)},情報系端末,住民課,{environment},honcho,\n")
        for number, (host, port) in enumerate(EQUIPMENT.items(), 201):
            lines.append(f"S-{number:04},PR{number:04},,LaserPrint 200,SN{number:04},{dashed(self.hosts[host][0])},,"
                         f"プリンター,住民課,B,honcho/sw01/{port},\n")
        lines.append(f"T-0301,TEL0301,,DeskPhone 8,SN0301,{dashed(self.hosts['telephone'][0])},,プリンター,住民課,B,honcho/sw01/port11,\n")
        self.append("config/inventory.csv", "".join(lines))
        self.append("topology/network.toml", f'\n[[relay]]\nid = "proxy"\nclass = "proxy"\naddresses = ["{PROXY[0]}"]\n'
                    'purpose = "The city\'s proxy."\napprover = "CIO"\n')
        self.append("config/server.toml", "\n[survey]\nsweep_s = 10\nhint_s = 2\nageing_s = 300\n")
        for host in [*PCS, "other-note"]:
            run(SEKISHO, "certificate", "issue", "--ca", self.site / "ca", "--new-key", "--name", self.certificate(host), "--out", self.at / "pc")
        head, _, _ = (self.at / "authenticator.toml").read_text().partition("[[port]]")
        for number, port in enumerate(self.ports, 1):
            order = 'order = "mab-first"\n' if port in ("port2", "port11", *EQUIPMENT.values()) else ""
            hosts = 'hosts = "several"\n' if port in SEVERAL else ""
            head += f'[[port]]\ninterface = "{port}"\nnumber = {number}\n{order}{hosts}tx_period_s = 1\nmax_reauth_req = 2\nquiet_s = 3\n\n'
        (self.at / "authenticator.toml").write_text(head)

    def append(self, path, text):
        file = self.site / path
        file.write_text(file.read_text() + text)

    def watch(self, environment="A"):
        super().watch(environment)
        self.edit("config/sensors.toml", "ports_max = 10", "ports_max = 100")
        self.append("config/sensors.toml", '[[response]]\nenvironment = "B"\nfirst = "quarantine"\nagain = "quarantine"\nverdicts = "all"\n')

    def certificate(self, host):
        return f"{host}.example.test"

    # Hosts.

    def windows(self, host, scale=8):
        """A kernel that opens connections as Windows 10 does: TTL, window, scale and the order of
        options. The two words that change places leave the checksum as it was."""
        memory = 16777216 if scale == 8 else 6291456
        self.inside(host, "sysctl", "-qw", "net.ipv4.ip_default_ttl=128", "net.ipv4.tcp_timestamps=0", f"net.ipv4.tcp_rmem=4096 131072 {memory}")
        self.inside(host, "nft", "add table ip stack; flush table ip stack; add chain ip stack out { type filter hook output priority 0; }; "
                    f"add rule ip stack out tcp flags & (syn | ack) == syn @th,192,64 set 0x010303{scale:02x}01010402")

    def linux(self, host, window="131072", memory=6291456):
        self.inside(host, "sysctl", "-qw", "net.ipv4.ip_default_ttl=64", "net.ipv4.tcp_timestamps=1", f"net.ipv4.tcp_rmem=4096 {window} {memory}")
        self.inside(host, "nft", "add table ip stack; delete table ip stack")

    def phone(self, host):
        """The receive buffer of an Android, which makes the window of its SYN."""
        self.linux(host, "524288", 8388608)

    def script(self, name, text):
        path = self.at / name
        if not path.exists():  # One that runs cannot be written.
            path.write_text(text)
            path.chmod(0o755)
        return path

    def ask(self, host, *options, wait=True):
        """A DHCP client that stays, as Windows or as the options say."""
        self.end(f"client-{host}")
        script = self.script("bound.sh", BOUND)
        options = options or ("-V", "MSFT 5.0", "-x", f"hostname:PC-{host}", "-o", *(f"-O{code}" for code in ASKED))
        client = ("busybox", "udhcpc", "-f", "-i", "eth0", "-t", "3", "-T", "1", "-A", "2", "-s", script, *options)
        self.start(host, f"client-{host}", *client)

        def addressed():
            # Whom the stranger's server was first to answer asks again, once it is cut off.
            if "192.168.137." in self.inside(host, "ip", "-o", "-4", "addr", "show", "eth0"):
                self.end(f"client-{host}")
                self.inside(host, "ip", "addr", "flush", "dev", "eth0")
                time.sleep(1)
                self.start(host, f"client-{host}", *client)
            return self.addressed(host)

        if wait:
            self.wait(f"address of {host}", addressed)

    def addressed(self, host):
        said = self.inside(host, "ip", "-o", "-4", "addr", "show", "eth0")
        return next((word.split("/")[0] for word in said.split() if word.startswith(("10.1.", "10.2."))), "")

    def phone_client(self, host, vendor, options, name):
        """ISC's client, which asks in the very order that it is told."""
        configuration = self.at / f"{host}.dhclient"
        vendor = f'send vendor-class-identifier "{vendor}";\n' if vendor else ""
        configuration.write_text(f'{vendor}send host-name "{name}";\n{UNKNOWN}request {", ".join(options)};\n')
        script = self.script("leased.sh", LEASED)
        self.start(host, f"client-{host}", "dhclient", "-d", "-cf", configuration, "-lf", self.at / f"{host}.leases",
                   "-pf", self.at / f"{host}.number", "-sf", script, "eth0")

    def wire(self, host, one, other, kind="3"):
        self.start(host, f"wire-{one}-{host}", "python3", "-c", WIRE, one, other, kind)

    def office(self, host, server, *more):
        """Ordinary work, at random."""
        self.start(host, f"office-{host}", "python3", ROOT / "integration/lab_office.py", f"{self.seed}-{host}-{next(self.numbers)}", server,
                   self.at / f"client-{host}.pid", *more)

    def nat(self, host, inner, outer, behind, net, ttl):
        """Somebody behind a host, which translates addresses."""
        self.cable(inner, host, "eth0", behind)
        ip(f"-n {self.ns(host)} addr add {net}.1/24 dev {inner}")
        ip(f"-n {self.ns(behind)} addr add {net}.2/24 dev eth0")
        ip(f"-n {self.ns(behind)} route add default via {net}.1")
        self.inside(behind, "sysctl", "-qw", f"net.ipv4.ip_default_ttl={ttl}")
        self.masquerade(host, outer, f"ip saddr {net}.0/24")

    def masquerade(self, host, outer, *which):
        self.inside(host, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.inside(host, "nft", "add table ip hide; add chain ip hide out { type nat hook postrouting priority 100; }; "
                    f"add rule ip hide out oifname {outer} {' '.join(which)} masquerade")

    # The day.

    def open(self):
        """Everybody comes to work."""
        self.up("sekisho", True, sensor=True, tables=True)
        self.sense()
        for host, (port, _) in SEATS.items():
            self.plug(port, host)
        self.cable("desk", "telephone", "eth0", "phoned")
        ip(f"-n {self.ns('phoned')} link set eth0 address {PHONED}")
        self.wire("telephone", "eth0", "desk")
        for host in PCS:
            self.windows(host)
            self.join(host)
        ip(f"-n {self.ns('a')} addr add {PROXY[0]}/18 dev eth0")
        (self.at / "proxy.conf").write_text(f"Port {PROXY[1]}\nListen {PROXY[0]}\nTimeout 30\nDisableViaHeader Yes\n")
        self.start("a", "proxy", "tinyproxy", "-d", "-c", self.at / "proxy.conf")
        self.ask("printer", "-V", "udhcp 1.30.1", wait=False)
        self.ask("telephone", "-x", "hostname:TEL0301", wait=False)
        for host in PCS:
            self.wait(f"opened port of {host}", lambda host=host: self.is_open(host))
            self.ask(host, wait=False)
        for host in [*PCS, "printer", "telephone"]:
            self.wait(f"address of {host}", lambda host=host: self.addressed(host))
        www = self.at / "www-printer"
        www.mkdir()
        (www / "index.html").write_text("toner 80 %\n")
        self.start("printer", "page", "busybox", "httpd", "-f", "-p", "80", "-h", www)
        for host in PCS:
            self.office(host, "10.2.0.10" if host == "phoned" else "10.1.0.10", *(PROXY if host == "browser" else ()))
        self.office("printer", "10.2.0.10")
        self.office("b", self.addressed("printer"))
        self.office("telephone", "10.2.0.10")
        threading.Thread(target=self.learn, daemon=True).start()

    def is_open(self, host):
        port = self.hosts[host][1] if host in self.hosts else "port11"
        return self.states()[port]["state"] == "authorised"

    def learn(self):
        """Keeps what the agent shows as the switch has it."""
        while not self.over.wait(1):
            self.tables()

    def close(self):
        self.over.set()
        time.sleep(0.3)
        self.down()


def dashed(address):
    return address.upper().replace(":", "-")
