"""What is brought in while a floor is at work, what only looks like it, and how soon each is
found (`integration/lab rogue`)."""

import json
import math
import os
import random
import statistics
import subprocess
import sys
import threading
import time
import traceback

from lab_floor import ANDROID, IPHONE, PHONE, PHONED, Floor, dashed, mac
from lab_network import SEKISHO, ip, run

# Within how long what is brought in begins, and how long everything is watched.
BEGIN_S, WATCH_S = 30, 60
# What the design allows at most from the first frame to quarantine, and from a hard sign to its verdict.
ISOLATION_S, HARD_S = 60, 1
JOINER = "06:3a:9c:00:53:51"


class Attack:
    """What is brought in: its sub-variant, the kinds that name it, the port, whose address the
    verdict names, which frames are the first that offend, and whether one sign of it is enough."""

    def __init__(self, variant, kinds, port, address, frames, bring, hard=False):
        self.variant, self.kinds, self.port, self.address, self.frames, self.bring = variant, kinds, port, address, frames, bring
        self.first, self.named_s = None, HARD_S if hard else ISOLATION_S


# Attacks.

def bridge(floor):
    """2a: a wireless bridge at the desk, which a phone joins."""
    floor.cable("air", "bridge", "eth0", "joiner")
    ip(f"-n {floor.ns('joiner')} link set eth0 address {JOINER}")
    floor.phone("joiner")
    floor.wire("bridge", "eth0", "air")
    android(floor, "joiner", "10.1.0.10")


def android(floor, host, server):
    options = ["subnet-mask", "routers", "domain-name-servers", "domain-name", "interface-mtu", "broadcast-address",
               "dhcp-lease-time", "dhcp-renewal-time", "dhcp-rebinding-time", "vendor-encapsulated-options"]
    floor.phone_client(host, "android-dhcp-14", options, "Pixel-8")
    floor.start(host, f"phone-{host}", "python3", "-c", PHONE, server, *ANDROID)


def hotspot(floor):
    """2b: an Android behind a PC, which translates its address."""
    floor.nat("hotspot", "inner", "eth0", "client", "192.168.7", 64)
    floor.phone("client")
    floor.start("client", "phone-client", "python3", "-c", PHONE, "10.1.0.10", *ANDROID)


def insert(floor, box, host):
    """A box between the wall and a PC, whose MAC it has; EAPOL goes through."""
    for part in ("office", "supplicant", "client"):
        floor.end(f"{part}-{host}")
    floor.plug(floor.hosts[host][1], box)
    floor.cable("inner", box, "eth0", host)
    ip(f"-n {floor.ns(host)} link set eth0 address {floor.hosts[host][0]}")
    floor.wire(box, "eth0", "inner", "0x888e")


def admit(floor, host):
    """The PC behind a box authenticates."""
    time.sleep(0.5)
    floor.join(host)
    floor.wait(f"opened port of {host}", lambda: floor.is_open(host))


def router(floor):
    """2b: a router before a PC, with the PC's MAC."""
    insert(floor, "router", "routed")
    ip(f"-n {floor.ns('router')} addr add 192.168.8.1/24 dev inner")
    ip(f"-n {floor.ns('routed')} addr add 192.168.8.2/24 dev eth0")
    ip(f"-n {floor.ns('routed')} route replace default via 192.168.8.1")
    floor.masquerade("router", "eth0")
    admit(floor, "routed")
    floor.ask("router", "-V", "udhcp 1.30.1")
    floor.office("routed", "10.1.0.10")


def wired_android(floor):
    """3b: an Android on a USB-LAN adapter, with the MAC of a label printer that is in store."""
    floor.phone("android")
    floor.plug("port8", "android")
    android(floor, "android", "10.2.0.10")


def wired_iphone(floor):
    floor.plug("port9", "iphone")
    options = ["subnet-mask", "rfc3442", "routers", "domain-name-servers", "domain-name", "v6only", "captive", "search", "wpad"]
    floor.phone_client("iphone", "", options, "iPhone")
    floor.start("iphone", "phone-iphone", "python3", "-c", PHONE, "10.2.0.10", *IPHONE)


def sharing(floor):
    """3c: a PC shares its tether: addresses by DHCP, translated on the way out."""
    floor.nat("carrier", "usb", "lo", "spare", "192.168.42", 64)
    ip(f"-n {floor.ns('spare')} link set eth0 name usb0 netns {floor.ns('sharing')}")
    ip(f"-n {floor.ns('sharing')} addr add 192.168.42.2/24 dev usb0")
    ip(f"-n {floor.ns('sharing')} link set usb0 up")
    ip(f"-n {floor.ns('sharing')} addr add 192.168.137.1/24 dev eth0")
    floor.masquerade("sharing", "usb0")
    serve_dhcp(floor, "sharing", "192.168.137")


def serve_dhcp(lab, host, net):
    """A host gives addresses, as Internet connection sharing does; somebody else asks for one."""
    lab.start(host, "rogue-dhcp", "dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--user=root", "--port=0",
              "--interface=eth0", "--bind-interfaces", "--no-ping", "--log-facility=-", "--pid-file=",
              f"--dhcp-range={net}.100,{net}.200,1h", f"--dhcp-leasefile={lab.at}/leases-rogue")
    time.sleep(0.5)
    lab.start("a", "asks", "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "3", "-T", "1", "-s", "/bin/true")


def proxied(floor):
    """4a: a box before a PC that has its MAC and address, lets EAPOL and everything else through,
    and makes its web connections anew by a transparent proxy."""
    address = floor.addressed("proxied")
    server = json.loads(floor.inside("a", "ip", "-j", "link", "show", "eth0"))[0]["address"]
    insert(floor, "inline", "proxied")
    ip(f"-n {floor.ns('proxied')} addr add {address}/18 dev eth0")
    floor.inside("inline", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.all.proxy_arp=1",
                 "net.ipv4.conf.inner.proxy_arp=1", "net.ipv4.conf.eth0.proxy_arp=1", "net.ipv4.neigh.eth0.proxy_delay=0", "net.ipv4.neigh.inner.proxy_delay=0")
    ip(f"-n {floor.ns('inline')} addr add 192.0.2.9/32 dev lo")
    ip(f"-n {floor.ns('inline')} route add 10.1.0.0/18 dev eth0 src 192.0.2.9")
    ip(f"-n {floor.ns('inline')} route add {address}/32 dev inner src 192.0.2.9")
    ip(f"-n {floor.ns('inline')} neigh replace 10.1.0.10 lladdr {server} dev eth0")
    floor.inside("inline", "nft", "add table ip inline; add chain ip inline in { type nat hook prerouting priority -100; }; "
                 "add rule ip inline in iifname inner tcp dport 80 dnat to 192.0.2.9:8888; add chain ip inline out { type nat hook postrouting priority 100; }; "
                 f"add rule ip inline out oifname eth0 ip saddr 192.0.2.9 snat to {address}")
    (floor.at / "inline.conf").write_text("Port 8888\nListen 192.0.2.9\nTimeout 30\nDisableViaHeader Yes\n")
    floor.start("inline", "inline", "tinyproxy", "-d", "-c", floor.at / "inline.conf")
    admit(floor, "proxied")
    floor.office("proxied", "10.1.0.10")


def web(lab, host="web", reader="vmware"):
    """5a: a PC answers HTTP, and a colleague reads it."""
    www = lab.at / f"www-{host}"
    www.mkdir()
    (www / "index.html").write_text("stray\n")
    lab.start(host, "stray-web", "busybox", "httpd", "-f", "-p", "80", "-h", www)
    time.sleep(0.5)
    lab.inside(reader, "curl", "-s", "-m", "2", f"http://{lab.address(host)}/", check=False)


ATTACKS = {
    "bridge": Attack("2a", {"phone"}, "port5", JOINER, f"ether src {JOINER}", bridge),
    "hotspot": Attack("2b", {"nat", "relay", "phone"}, "port1", mac(0x11), f"ether src {mac(0x11)} and ip[8] = 63", hotspot),
    "router": Attack("2b", {"nat", "relay", "stack-mix"}, "port16", mac(0x20), f"ether src {mac(0x20)} and ip[8] = 127", router),
    "android": Attack("3b", {"phone"}, "port8", mac(0x18), f"ether src {mac(0x18)} and udp src port 68", wired_android),
    "iphone": Attack("3b", {"phone"}, "port9", mac(0x19), f"ether src {mac(0x19)} and udp src port 68", wired_iphone),
    "sharing": Attack("3c", {"rogue-dhcp", "tether-gateway"}, "port6", mac(0x16), f"ether src {mac(0x16)} and udp src port 67", sharing, hard=True),
    "inline proxy": Attack("4a", {"nat", "proxy", "stack-mix"}, "port7", mac(0x17), f"ether src {mac(0x17)} and ip[8] < 128 and not udp port 68", proxied),
    "web server": Attack("5a", {"http-server"}, "port4", mac(0x14), f"ether src {mac(0x14)} and tcp src port 80", web, hard=True),
}


# Traps, and a clone whom the switch refuses.

def virtual(floor):
    """A Linux behind its Windows PC, translated, while the PC goes on."""
    floor.nat("virtual", "vnet", "eth0", "guest", "192.168.122", 64)
    floor.office("guest", "10.1.0.10")


def other_note(floor):
    """The next notebook on the same adapter, which is registered for the first one until the
    inventory says otherwise."""
    floor.end("office-note")
    floor.end("client-note")
    floor.windows("other-note", scale=7)
    floor.plug("port12", "other-note")
    floor.join("other-note")
    time.sleep(5)
    want(floor, "a notebook on an adapter registered for another", floor.states()["port12"]["vlan"], None)
    shared = dashed(mac(0x1c))
    floor.edit("config/inventory.csv", shared, dashed(mac(0x3c)))
    floor.edit("config/inventory.csv", dashed(mac(0x2c)), shared)
    run(SEKISHO, "reload", "--state", floor.at / "state")
    floor.join("other-note")
    floor.wait("opened port of the other notebook", lambda: floor.states()["port12"]["state"] == "authorised")
    floor.ask("other-note")
    floor.office("other-note", "10.1.0.10")


def netboot(floor):
    """A PC starts anew from the network: its firmware, then a small Windows, then its own."""
    floor.end("office-netboot")
    floor.linux("netboot")
    floor.ask("netboot", "-V", "PXEClient:Arch:00007:UNDI:003016", "-o", *(f"-O{code}" for code in (1, 3, 43, 60, 66, 67)))
    for _ in range(4):
        floor.inside("netboot", "curl", "-s", "-m", "2", "-A", "UefiHttpBoot/1.0", "http://10.1.0.10/", check=False)
    floor.windows("netboot", scale=7)
    floor.ask("netboot", "-V", "MSFT 5.0", "-x", "hostname:MINWINPC")
    floor.inside("netboot", "curl", "-s", "-m", "2", "http://10.1.0.10/", check=False)
    time.sleep(2)
    floor.windows("netboot")
    floor.ask("netboot")
    floor.office("netboot", "10.1.0.10")


def vmware(floor):
    """A virtual network of 192.168.43.0/24, of which ARP and names leak."""
    ip(f"-n {floor.ns('vmware')} addr add 192.168.43.1/24 brd 192.168.43.255 dev eth0")
    leak = ("import socket, time\nout = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nout.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n"
            "out.bind(('192.168.43.1', 137))\nwhile True:\n out.sendto(bytes(50), ('192.168.43.255', 137))\n"
            " try:\n  socket.create_connection(('192.168.43.128', 902), 0.5)\n except OSError:\n  pass\n time.sleep(3)")
    floor.start("vmware", "leak", "python3", "-c", leak)


def laptop(floor):
    """A laptop with the MAC of a printer that stays where it is: two places, one registered."""
    floor.windows("laptop")
    floor.plug("port3", "laptop")
    floor.ask("laptop", wait=False)
    floor.wait("the clone's refusal", lambda: refusals(floor, "port3"))


TRAPS = {
    "virtual machine": virtual, "shared adapter": other_note, "network boot": netboot, "VMware's 192.168.43.0/24": vmware, "cloned printer": laptop,
    # From the beginning on: a telephone with a PC behind it, and who goes by the city's proxy.
    "telephone": None, "city's proxy": None,
}


# What is seen of it.

def moment(line):
    return time.mktime(time.strptime(line["time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(line["time"][19:].rstrip("Z") or 0)


def refusals(floor, port):
    return [line for line in floor.events("authenticate") if line["event"] == "PORT" and line["port"] == port and line["change"] == "rejected"]


def verdicts(floor):
    return [line for line in floor.events("serve") if line["event"] in ("SENSOR-verdict", "SENSOR-located")]


def want(floor, what, found, expected):
    good = found == expected
    print(f"{'ok   ' if good else 'WRONG'} {what}: {found}", flush=True)
    if not good:
        floor.wrong.append(what)


def first_frame(floor, attack):
    """When the mirror showed the first frame that offends."""
    watcher = subprocess.Popen(["ip", "netns", "exec", floor.ns("mirror"), "tcpdump", "-i", "eth0", "-c1", "-tt", "-n", "-l", "--immediate-mode",
                                f"vlan and {attack.frames}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "listening" not in watcher.stderr.readline():
        if watcher.poll() is not None:
            raise SystemExit("tcpdump ended")

    def read():
        said = watcher.stdout.readline().split()
        attack.first = float(said[0]) if said else None

    threading.Thread(target=read, daemon=True).start()


def told(floor, story, name, begin):
    """Tells one story at its time; whatever it raises is a fault of this run."""
    time.sleep(begin)
    try:
        if isinstance(story, Attack):
            first_frame(floor, story)
            story.bring(floor)
        else:
            story(floor)
    except BaseException:
        floor.wrong.append(name)
        traceback.print_exc()


def own(floor, attack):
    """The verdicts on whoever attacks; where the tables had to say the place, that as well."""
    return [line for line in verdicts(floor) if line["mac"] == dashed(attack.address)]


def moves(floor, attack, vlans):
    """When the authenticator first had the port in one of these VLANs since its attacker was named."""
    named = next((moment(line) for line in own(floor, attack) if line["action"] == "quarantine"), None)
    times = [moment(line) for line in floor.events("authenticate") if line["event"] == "PORT" and line["port"] == attack.port and line["vlan"] in vlans]
    return next((at for at in times if named and at >= named - 0.01), None)


def rogue(seed=None):
    """Everybody works; what is brought in is found and its port isolated, and nobody else's is."""
    seed = random.randrange(1_000_000) if seed is None else seed
    print(f"seed {seed}", flush=True)
    dice = random.Random(seed)
    floor = Floor(f"rogue{os.getpid()}", seed)
    try:
        begun = time.monotonic()
        floor.open()
        print(f"      open after {time.monotonic() - begun:.0f} s", flush=True)
        time.sleep(5)
        want(floor, "verdicts on ordinary work", [line["text"] for line in verdicts(floor)], [])
        before = {port: state["vlan"] for port, state in floor.states().items()}
        stories = {**ATTACKS, **{name: trap for name, trap in TRAPS.items() if trap}}
        threads = [threading.Thread(target=told, args=(floor, story, name, dice.uniform(0, BEGIN_S)), daemon=True) for name, story in stories.items()]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # As long as an attack may take, and for traps as long in any case.
        while time.monotonic() < begun + WATCH_S or (
                time.monotonic() < begun + BEGIN_S + ISOLATION_S + 10 and any(moves(floor, attack, (900,)) is None for attack in ATTACKS.values())):
            time.sleep(0.5)
        judge(floor, before)
        lasting(floor)
        status = json.loads(run(SEKISHO, "sensor", "status", "--json", "--state", floor.at / "sensor"))
        want(floor, "frames lost", status["dropped"], 0)
        print(f"      {status['frames']} frames seen", flush=True)
    except BaseException:
        floor.wrong.append("the run itself")
        traceback.print_exc()
    finally:
        if floor.wrong:
            for log in ("sensor", "serve"):
                print("".join(path.read_text()[-6000:] for path in floor.at.glob(f"{log}.log")), file=sys.stderr)
            print(f"WRONG: {floor.wrong}; seed {seed}", file=sys.stderr)
        if not os.environ.get("SEKISHO_LAB_KEEP"):
            floor.close()
    return 1 if floor.wrong else 0


def judge(floor, before):
    """What became of everybody, attack by attack and port by port."""
    print(f"      {'':<4}{'brought in':<14}{'kind':<14}{'place':<13}{'named':>6}{'cut off':>9}{'quarantine':>12}  (s from its first frame)")
    times = []
    for name, attack in ATTACKS.items():
        lines, first = own(floor, attack), attack.first
        kind = lines[0]["kind"] if lines else "-"
        places = {line["place"] for line in lines if line["place"] != "-"}
        ends = [moment(lines[0]) if lines else None, moves(floor, attack, (None, 900)), moves(floor, attack, (900,))]
        spans = [None if first is None or end is None else end - first for end in ends]
        good = None not in spans and spans[0] < attack.named_s and spans[2] < ISOLATION_S and kind in attack.kinds and places == {f"sw01:{attack.port}"}
        figures = ["-" if span is None else f"{span:.1f}" for span in spans]
        print(f"{'ok   ' if good else 'WRONG'} {attack.variant:<4}{name:<14}{kind:<14}{' '.join(sorted(places)) or '-':<13}"
              f"{figures[0]:>6}{figures[1]:>9}{figures[2]:>12}", flush=True)
        if not good:
            floor.wrong.append(name)
        times += [span for span in spans[2:] if span is not None]
    if times:
        times.sort()
        p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
        print(f"      quarantine: median {statistics.median(times):.1f} s, p95 {p95:.1f} s", flush=True)
    # Who attacks may be called more than its first name later on: a PC that shares its tether
    # forwards whoever took an address from it, and is a relay as well then.
    begun = {dashed(attack.address): attack.first for attack in ATTACKS.values() if attack.first is not None}
    strange = [f"{line['kind']} {line['subject']} {line['place']}" for line in verdicts(floor)
               if moment(line) < begun.get(line.get("mac"), math.inf)]
    want(floor, "false alarms", strange, [])
    attacked = {attack.port for attack in ATTACKS.values()}
    after = {port: state["vlan"] for port, state in floor.states().items()}
    want(floor, "ports that nobody attacked", {port: vlan for port, vlan in after.items() if port not in attacked},
         {port: vlan for port, vlan in before.items() if port not in attacked})
    moved = {line["port"] for line in floor.events("authenticate") if line["event"] == "PORT" and line["vlan"] == 900}
    want(floor, "ports ever in quarantine", sorted(moved - attacked), [])
    want(floor, "the clone's port", (after["port3"], bool(refusals(floor, "port3"))), (None, True))
    want(floor, "the printer that was cloned", after["port2"], 120)
    # Each trap was really there.
    said = floor.events("serve")
    is_told = lambda event, **facts: any(line["event"] == event and all(line.get(key) == value for key, value in facts.items()) for line in said)
    want(floor, "the virtual machine is a notice", is_told("SENSOR-notice", kind="local-nat", mac=dashed(mac(0x1a))), True)
    want(floor, "VMware's network is a sign", is_told("SENSOR-sign", kind="address.tether-gateway", mac=dashed(mac(0x1f))), True)
    want(floor, "the clone is told of at its port", is_told("ALERT-two-places", mac=dashed(mac(0x03)), place="honcho/sw01/port3"), True)
    want(floor, "the city's proxy was used", "Established connection" in (floor.at / "proxy.log").read_text(), True)
    learned = floor.learned()
    want(floor, "telephone and PC at one port", learned.get(mac(0x1b)) == learned.get(PHONED) is not None, True)


def lasting(floor):
    """It stays so when everything starts anew, and ends by an operator's word."""
    floor.end("serve")
    floor.serve()
    floor.join("web")
    time.sleep(4)
    floor.settled("port4", "authorised")
    want(floor, "port4 after a new start of everything", floor.states()["port4"]["vlan"], 900)
    floor.end("stray-web")
    run(SEKISHO, "release", floor.assets["web"], "--reason", "the lab is over", "--state", floor.at / "state")
    floor.wait("release", lambda: floor.states()["port4"]["vlan"] == 110)
    want(floor, "port4 after its release", floor.states()["port4"]["vlan"], 110)
    want(floor, "steps of the clock", [line["message"] for line in floor.events("serve") if line["event"] == "SYS-clock-back"], [])
