"""The lab of `integration/lab`: its namespaces, cables, switch, servers and hosts."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEKISHO = os.path.abspath(os.environ.get("SEKISHO", ROOT / "target/debug/sekisho"))
PATIENCE_S = 20
ENVIRONMENTS = {"a": (110, "10.1.0", 18), "b": (120, "10.2.0", 18), "c": (130, "10.3.0", 18), "q": (900, "10.249.0", 16)}
# The host, its address, and the port it is plugged into first.
HOSTS = {
    "pc": ("00:00:5e:00:53:01", "port1"),
    "printer": ("00:00:5e:00:53:03", "port2"),
    "stranger": ("00:00:5e:00:53:99", "port3"),
    "guest": ("00:00:5e:00:53:04", None),
}
PORTS = ["port1", "port2", "port3", "port4"]
SWITCH, SERVER, API = "10.250.1.11", "10.250.0.10", "10.251.0.10"
MACHINES = ["sw", "srv", "rt", "mirror", "spare", "behind", *ENVIRONMENTS]
DEVICE = "pc0001.example.test"
# Python's own server asks for its name at the start, and there is nobody to answer.
WEB = """import functools, http.server, socketserver, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[2])
socketserver.ThreadingTCPServer((sys.argv[1], 80), handler).serve_forever()"""


def run(*command, check=True, **options):
    """Runs a program to its end; complains with what it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if check and done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def ip(arguments):
    run("ip", *arguments.split())


class Lab:
    hosts, ports = HOSTS, PORTS

    def __init__(self, name):
        self.name = name
        self.namespaces = [*MACHINES, *self.hosts]
        self.at = pathlib.Path(f"/tmp/sekisho-lab-{name}")
        self.site = self.at / "site"

    def ns(self, role):
        return f"{self.name}-{role}"

    def inside(self, role, *command, **options):
        return run("ip", "netns", "exec", self.ns(role), *command, **options)

    def start(self, role, name, *command, env=None, cwd=None):
        """Starts a program that stays; its output goes to a file, its number to another."""
        with open(self.at / f"{name}.log", "ab") as log:
            child = subprocess.Popen(
                ["ip", "netns", "exec", self.ns(role), *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=dict(os.environ, **(env or {})), cwd=cwd or self.at)
        (self.at / f"{name}.pid").write_text(str(child.pid))
        return child

    def wait(self, what, ready):
        end = time.monotonic() + PATIENCE_S
        while not ready():
            if time.monotonic() > end:
                raise SystemExit(f"{self.name}: no {what} within {PATIENCE_S} s; see {self.at}")
            time.sleep(0.05)

    def cable(self, left, left_role, right, right_role):
        """A cable between two namespaces, both ends up and without checksum offload, which the
        userspace switch would pass on unfinished."""
        ip(f"-n {self.ns(left_role)} link add {left} type veth peer name {right} netns {self.ns(right_role)}")
        for end, role in ((left, left_role), (right, right_role)):
            ip(f"-n {self.ns(role)} link set {end} up")
            self.inside(role, "ethtool", "-K", end, "tx", "off")

    def vsctl(self, *arguments):
        return run("ovs-vsctl", f"--db=unix:{self.at}/ovs/db.sock", "--timeout=10", *arguments)

    # Up.

    def up(self, server, authenticator, sensor=False, tables=False):
        self.at.mkdir(mode=0o700)
        for role in self.namespaces:
            ip(f"netns add {self.ns(role)}")
            ip(f"-n {self.ns(role)} link set lo up")
        self.switch()
        self.networks()
        self.files()
        if sensor:
            self.watch()
        if tables:
            self.agent()
        if server != "none":
            self.serve(server)
        if authenticator:
            self.authenticate()

    def switch(self):
        ovs = self.at / "ovs"
        ovs.mkdir()
        run("ovsdb-tool", "create", ovs / "conf.db", "/usr/share/openvswitch/vswitch.ovsschema")
        self.daemons()
        self.cables()

    def daemons(self):
        """Starts what does not run of the switch's two daemons."""
        ovs = self.at / "ovs"
        env = dict(os.environ, OVS_RUNDIR=str(ovs), OVS_LOGDIR=str(ovs), OVS_DBDIR=str(ovs))
        running = {pathlib.Path(f"/proc/{process}/comm").read_text().strip() for process in self.processes([self.ns("sw")])}
        if "ovsdb-server" not in running:
            self.inside("sw", "ovsdb-server", ovs / "conf.db", f"--remote=punix:{ovs}/db.sock", "--detach",
                    "--no-chdir", f"--pidfile={ovs}/ovsdb-server.pid", f"--log-file={ovs}/ovsdb-server.log", env=env)
        if "ovs-vswitchd" not in running:
            self.inside("sw", "ovs-vswitchd", f"unix:{ovs}/db.sock", "--detach", "--no-chdir",
                    f"--pidfile={ovs}/ovs-vswitchd.pid", f"--log-file={ovs}/ovs-vswitchd.log", env=env)

    def cables(self):
        """The switch's bridges, ports and mirror."""
        self.cable("uplink", "sw", "downlink", "sw")
        self.cable("mirror", "sw", "eth0", "mirror")
        for port in self.ports:
            self.cable(port, "sw", port, "spare")
            ip(f"-n {self.ns('spare')} link set {port} down")
        vlans = ",".join(str(vlan) for vlan, _, _ in ENVIRONMENTS.values())
        orders = ["add-br", "access", "--", "set", "bridge", "access", "datapath_type=netdev", "fail_mode=secure"]
        orders += ["--", "add-br", "core", "--", "set", "bridge", "core", "datapath_type=netdev"]
        orders += ["--", "add-port", "access", "uplink", f"trunks={vlans}", "--", "add-port", "core", "downlink", f"trunks={vlans}"]
        for port in self.ports:
            orders += ["--", "add-port", "access", port, "tag=4094"]
        orders += ["--", "--id=@out", "create", "port", "name=mirror", "interfaces=@mi", "--", "--id=@mi", "create", "interface", "name=mirror"]
        orders += ["--", "add", "bridge", "access", "ports", "@out"]
        orders += ["--", "--id=@m", "create", "mirror", "name=all", "select-all=true", "output-port=@out", "--", "set", "bridge", "access", "mirrors=@m"]
        self.vsctl(*orders)
        self.cable("mgmt", "sw", "mgmt", "srv")
        ip(f"-n {self.ns('sw')} addr add {SWITCH}/16 dev mgmt")
        ip(f"-n {self.ns('srv')} addr add {SERVER}/16 dev mgmt")

    def networks(self):
        """Each environment's server and its leg of the router."""
        for env, (vlan, net, length) in ENVIRONMENTS.items():
            self.cable(f"s-{env}", "sw", "eth0", env)
            self.vsctl("add-port", "core", f"s-{env}", f"tag={vlan}")
            ip(f"-n {self.ns(env)} addr add {net}.10/{length} dev eth0")
            if env != "q":  # Quarantine leads nowhere.
                self.cable(f"r-{env}", "sw", f"to-{env}", "rt")
                self.vsctl("add-port", "core", f"r-{env}", f"tag={vlan}")
                ip(f"-n {self.ns('rt')} addr add {net}.1/{length} dev to-{env}")
                ip(f"-n {self.ns(env)} route add default via {net}.1")
            www = self.at / f"www-{env}"
            www.mkdir()
            (www / "index.html").write_text(f"{env}\n")
            self.start(env, f"web-{env}", "python3", "-c", WEB, f"{net}.10", www)
            # Quarantine has no router to name.
            router = f"--dhcp-option=3,{net}.1" if env != "q" else "--dhcp-option=3"
            self.start(env, f"dhcp-{env}", "dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--user=root",
                       "--no-resolv", f"--address=/city.example/{net}.10",
                       "--interface=eth0", "--bind-interfaces", "--no-ping", "--log-facility=-", "--pid-file=",
                       f"--dhcp-range={net}.100,{net}.200,1h", router, f"--dhcp-leasefile={self.at}/leases-{env}")
        rules = self.at / "router.nft"
        # The one declared flow: B's server fetches from C's.
        rules.write_text("table ip sekisho {\n chain forward {\n  type filter hook forward priority 0; policy drop;\n"
                         "  ct state established,related accept\n"
                         "  iifname to-b oifname to-c ip saddr 10.2.0.10 ip daddr 10.3.0.10 tcp dport 80 accept\n }\n}\n"
                         "table ip6 sekisho {\n chain forward {\n  type filter hook forward priority 0; policy drop;\n }\n}\n")
        self.inside("rt", "nft", "-f", rules)
        self.inside("rt", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def files(self):
        """The site: what `sekisho init` writes, with the lab's switch in place of the example's."""
        run(SEKISHO, "init", self.site)
        self.edit("config/server.toml", "127.0.0.1:1812", f"{SERVER}:1812")
        self.edit("topology/honcho/site.toml", 'profile = "cisco-ibns"', 'profile = "sekisho-authenticator"')
        self.edit("topology/honcho/site.toml", "GigabitEthernet1/0/1-22", "port1-4")
        self.edit("topology/honcho/site.toml", "GigabitEthernet1/0/23-24", "uplink")
        for port in ("23", "24"):
            self.edit("topology/network.toml", f'"sw01:GigabitEthernet1/0/{port}"', '"sw01:uplink"')
        self.edit("config/inventory.csv", "honcho/sw01/GigabitEthernet1/0/5", "honcho/sw01/port2")
        inventory = self.site / "config/inventory.csv"
        inventory.write_text(inventory.read_text() + "S-0002,PR0002,,LaserPrint 200,SN0004,00-00-5E-00-53-04,,プリンター,広報課,C,honcho/sw01/port1,\n")
        shutil.copy(ROOT / "config/profiles/sekisho-authenticator.toml", self.site / "config/profiles")
        (self.at / "pc").mkdir()
        run(SEKISHO, "certificate", "issue", "--ca", self.site / "ca", "--new-key", "--name", DEVICE, "--out", self.at / "pc")
        secrets = self.at / "radius.secret"
        secrets.write_bytes((self.site / "secrets/client/sw01.secret").read_bytes())
        secrets.chmod(0o600)
        text = (ROOT / "integration/lab_site/authenticator.toml").read_text()
        for name, value in {"OVS": self.at / "ovs", "SECRET": secrets, "SERVER": SERVER, "SWITCH": SWITCH}.items():
            text = text.replace(f"@{name}@", str(value))
        (self.at / "authenticator.toml").write_text(text)

    def edit(self, path, old, new):
        text = (self.site / path).read_text()
        assert old in text, f"{path}: {old}"
        (self.site / path).write_text(text.replace(old, new))

    def serve(self, server="sekisho"):
        if server == "freeradius":
            return self.freeradius()
        (self.at / "state").mkdir(exist_ok=True)
        run(SEKISHO, "check", cwd=self.site)
        self.start("srv", "serve", SEKISHO, "serve", "--lang", "en", "--state", self.at / "state", cwd=self.site)
        self.wait("server", lambda: b"SYS-started" in (self.at / "serve.log").read_bytes())

    # The sensor.

    def watch(self, environment="A"):
        """A sensor on the mirror that reports over TLS by a cable of its own; verdicts on devices
        of the environment lead to quarantine. The PC belongs to that environment."""
        self.cable("report", "mirror", "report", "srv")
        ip(f"-n {self.ns('mirror')} addr add 10.251.0.2/24 dev report")
        ip(f"-n {self.ns('srv')} addr add {API}/24 dev report")
        # Names of a namespace, as `ip netns exec` puts them in place.
        hosts = pathlib.Path(f"/etc/netns/{self.ns('mirror')}/hosts")
        hosts.parent.mkdir(parents=True, exist_ok=True)
        hosts.write_text(f"127.0.0.1 localhost\n{API} radius.example.test\n")
        self.edit("config/server.toml", 'listen = "127.0.0.1:9813"', f'listen = "{API}:9813"')
        self.edit("config/inventory.csv", "情報系端末,総務課,B,honcho", f"情報系端末,総務課,{environment},honcho")
        servers = ", ".join(f'"{net}.10"' for _, net, _ in ENVIRONMENTS.values())
        (self.site / "config/sensors.toml").write_text(
            f'dhcp_servers = [{servers}]\n[[sensor]]\nid = "mirror"\nenabled = true\nsite = "honcho"\ninterface = "eth0"\n'
            'vantage = "edge"\nserver = "https://radius.example.test:9813"\nsilent_minutes = 1\n'
            '[limit]\nports_max = 10\nwindow_minutes = 60\n'
            f'[[response]]\nenvironment = "{environment}"\nfirst = "quarantine"\nagain = "quarantine"\nverdicts = "all"\n')
        run(SEKISHO, "secret", "token", "mirror", "--role", "sensor", "--secrets", self.site / "secrets")
        token = self.at / "mirror.token"
        token.write_bytes((self.site / "secrets/api/mirror.sensor.token").read_bytes())
        token.chmod(0o600)

    def sense(self):
        self.start("mirror", "sensor", SEKISHO, "sensor", "run", "mirror", "--lang", "en", "--config", self.site / "config",
                   "--topology", self.site / "topology", "--token", self.at / "mirror.token",
                   "--authority", self.site / "secrets/authority/city.pem", "--state", self.at / "sensor")
        self.wait("sensor", lambda: b"SENSOR-started" in (self.at / "sensor.log").read_bytes())

    # The tables of the switch.

    def agent(self):
        """net-snmp's agent beside the switch; the service asks it by passphrases of its own making."""
        run(SEKISHO, "secret", "snmp", "switches", "--secrets", self.site / "secrets")
        profile = self.site / "config/profiles/sekisho-authenticator.toml"
        profile.write_text(profile.read_text() + '\n[snmp]\nversion = "3"\nuser = "sekisho"\nauth = "sha-256"\nprivacy = "aes-128"\n'
                           'secret = "switches"\nport = 161\nrepetitions = 20\ntimeout_ms = 2000\nretries = 2\n'
                           'forwarding = "q-bridge"\ninterface_names = "if-name"\ninterface_prefixes = []\n')
        words = [(self.site / f"secrets/snmp/switches.{kind}").read_text().strip() for kind in ("auth", "priv")]
        lines = [f"agentaddress udp:{SWITCH}:161", f"createUser sekisho SHA-256 {words[0]} AES {words[1]}", "rouser sekisho authpriv -V SEKISHO"]
        # No more than `sekisho render switch` gives away.
        lines += [f"view SEKISHO included .{tree}" for tree in ("1.3.6.1.2.1", "1.0.8802")]
        lines += [f"pass_persist .{tree} /usr/bin/python3 {ROOT}/integration/survey_agent.py {self.at}/tables"
                  for tree in ("1.3.6.1.2.1.31", "1.3.6.1.2.1.2", "1.3.6.1.2.1.17", "1.0.8802")]
        configuration = self.at / "snmpd.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("\n".join(lines) + "\n")
        self.tables()
        env = {"SNMP_PERSISTENT_DIR": str(self.at / "snmp"), "SNMPCONFPATH": str(self.at), "MIBS": ""}
        self.start("sw", "snmpd", "snmpd", "-f", "-Lo", "-C", "-I", "-ifTable,-ifXTable,-interfaces,-at",
                   "-c", configuration, "-p", self.at / "snmpd.number", env=env)

    def forwarding(self):
        """The access bridge's forwarding table: port number, VLAN, address and age of each."""
        env = dict(os.environ, OVS_RUNDIR=str(self.at / "ovs"))
        return run("ovs-appctl", "--timeout=10", "fdb/show", "access", env=env).splitlines()[1:]

    def learned(self):
        """At which port number each address is."""
        return {address: port for port, _, address, _ in (line.split() for line in self.forwarding())}

    def tables(self):
        """What the access bridge has learned, as rows of a switch's tables."""
        learned = self.forwarding()
        rows = []
        for port in (*self.ports, "uplink"):
            number = int(self.vsctl("get", "interface", port, "ofport"))
            rows += [f"1.3.6.1.2.1.31.1.1.1.1.{100 + number} string {port}", f"1.3.6.1.2.1.2.2.1.7.{100 + number} integer 1",
                     f"1.3.6.1.2.1.2.2.1.8.{100 + number} integer 1", f"1.3.6.1.2.1.17.1.4.1.2.{number} integer {100 + number}"]
        for port, vlan, mac, _ in (line.split() for line in learned):
            index = ".".join([vlan, *(str(int(octet, 16)) for octet in mac.split(":"))])
            if port.isdigit():
                rows += [f"1.3.6.1.2.1.17.7.1.2.2.1.2.{index} integer {port}", f"1.3.6.1.2.1.17.7.1.2.2.1.3.{index} integer 3"]
        rows += [f"1.3.6.1.2.1.17.7.1.2.1.1.2.{vlan} counter {sum(line.split()[1] == vlan for line in learned)}"
                 for vlan in {line.split()[1] for line in learned}]
        fresh = self.at / "tables.fresh"
        fresh.write_text("\n".join(rows) + "\n")
        fresh.rename(self.at / "tables")

    def events(self, name):
        """The lines of a log, the newest last; one that is still being written is not there yet."""
        whole = (self.at / f"{name}.log").read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def freeradius(self):
        """The same answers from FreeRADIUS: certificates of the site's authority into B, one
        printer into B, nobody else anywhere."""
        raddb = self.at / "raddb"
        raddb.mkdir(exist_ok=True)
        secret = (self.at / "radius.secret").read_text().strip()
        vlan = "Tunnel-Type = VLAN, Tunnel-Medium-Type = IEEE-802, Tunnel-Private-Group-Id = 120"
        (raddb / "users").write_text(
            f'{DEVICE} EAP-Type := TLS\n\t{vlan}\n\n00005e005303 Cleartext-Password := "00005e005303"\n\t{vlan}\n')
        tls = self.site / "secrets"
        (raddb / "radiusd.conf").write_text(f"""
prefix = /usr
logdir = {raddb}
raddbdir = {raddb}
run_dir = {raddb}
pidfile = {raddb}/radiusd.pid
libdir = /usr/lib/freeradius
correct_escapes = true
max_requests = 1024
security {{
  allow_vulnerable_openssl = yes
}}
log {{
  destination = stdout
}}
client sw01 {{
  ipaddr = {SWITCH}
  secret = "{secret}"
  require_message_authenticator = yes
}}
modules {{
  pap {{
  }}
  files {{
    filename = {raddb}/users
  }}
  always ok {{
    rcode = ok
  }}
  detail {{
    filename = {raddb}/accounts
    header = "%t"
    permissions = 0600
  }}
  eap {{
    default_eap_type = tls
    timer_expire = 60
    tls-config one {{
      private_key_file = {tls}/server/key.pem
      certificate_file = {tls}/server/chain.pem
      ca_file = {tls}/authority/city.pem
      tls_min_version = "1.2"
      tls_max_version = "1.3"
      cipher_list = "DEFAULT"
      ecdh_curve = ""
      fragment_size = 1024
    }}
    tls {{
      tls = one
    }}
  }}
}}
server lab {{
  listen {{
    type = auth
    ipaddr = {SERVER}
    port = 1812
  }}
  listen {{
    type = acct
    ipaddr = {SERVER}
    port = 1813
  }}
  authorize {{
    eap {{
      ok = return
    }}
    files
    pap
  }}
  authenticate {{
    Auth-Type PAP {{
      pap
    }}
    eap
  }}
  # This version signs replies by itself only where EAP is involved.
  post-auth {{
    update reply {{
      &Message-Authenticator := 0x00
    }}
    Post-Auth-Type REJECT {{
      update reply {{
        &Message-Authenticator := 0x00
      }}
    }}
  }}
  preacct {{
    ok
  }}
  accounting {{
    detail
  }}
}}
""")
        self.start("srv", "freeradius", "freeradius", "-f", "-l", "stdout", "-d", raddb)
        self.wait("FreeRADIUS", lambda: b"Ready to process" in (self.at / "freeradius.log").read_bytes())

    def authenticate(self):
        (self.at / "authenticator").mkdir(exist_ok=True)
        log = self.at / "authenticate.log"
        before = log.read_bytes().count(b"SYS-authenticator-started") if log.exists() else 0
        self.start("sw", "authenticate", SEKISHO, "authenticator", "run", "--lang", "en", "--config", self.at / "authenticator.toml",
                   "--state", self.at / "authenticator")
        self.wait("authenticator", lambda: log.read_bytes().count(b"SYS-authenticator-started") > before)

    # Cables and hosts.

    def address(self, host):
        said = json.loads(self.inside(host, "ip", "-j", "-4", "addr", "show", "eth0"))
        return said[0]["addr_info"][0]["local"]

    def unplug(self, port):
        for host in self.hosts:
            if self.holds(host) == port:
                ip(f"-n {self.ns(host)} link set eth0 down")
                ip(f"-n {self.ns(host)} link set eth0 name {port} netns {self.ns('spare')}")
                (self.at / f"{host}.port").unlink()

    def holds(self, host):
        held = self.at / f"{host}.port"
        return held.read_text() if held.exists() else None

    def plug(self, port, host):
        """Connects a port's cable to a host, which has one socket."""
        self.unplug(port)
        if held := self.holds(host):
            self.unplug(held)
        ip(f"-n {self.ns('spare')} link set {port} name eth0 netns {self.ns(host)}")
        (self.at / f"{host}.port").write_text(port)
        ip(f"-n {self.ns(host)} link set eth0 address {self.hosts[host][0]}")
        ip(f"-n {self.ns(host)} link set eth0 up")
        self.inside(host, "ethtool", "-K", "eth0", "tx", "off")

    def certificate(self, host):
        """The name in a host's certificate."""
        return DEVICE

    def join(self, host):
        self.end(f"supplicant-{host}")
        at, name = self.at / "pc", self.certificate(host)
        configuration = self.at / f"{host}.conf"
        configuration.write_text(
            f'ctrl_interface={self.at}/wpa-{host}\nap_scan=0\nnetwork={{\nkey_mgmt=IEEE8021X\neap=TLS\neapol_flags=0\nidentity="{name}"\n'
            f'ca_cert="{self.site}/secrets/authority/city.pem"\nclient_cert="{at}/{name}.pem"\nprivate_key="{at}/{name}.key"\n'
            'domain_match="radius.example.test"\n}\n')
        self.start(host, f"supplicant-{host}", "wpa_supplicant", "-D", "wired", "-i", "eth0", "-c", configuration)

    def lease(self, host, tries=8):
        script = self.at / "udhcpc.sh"
        script.write_text("#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nip addr flush dev $interface\nip addr add $ip/$mask dev $interface\n"
                          "[ -z \"$router\" ] || ip route replace default via $router\necho $ip\n")
        script.chmod(0o755)
        said = self.inside(host, "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", str(tries), "-T", "1", "-s", script, check=False)
        return said.strip()

    # Status and down.

    def states(self):
        said = run(SEKISHO, "authenticator", "status", "--json", "--state", self.at / "authenticator")
        return {port["port"]: port for port in json.loads(said)["ports"]}

    def end(self, name, how=signal.SIGTERM):
        path = self.at / f"{name}.pid"
        if not path.exists():
            return
        process = int(path.read_text())
        path.unlink()
        try:
            os.kill(process, how)
            for _ in range(100):
                os.kill(process, 0)
                time.sleep(0.05)
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def status(self):
        for path in sorted(self.at.glob("*.pid")):
            alive = pathlib.Path(f"/proc/{path.read_text()}").exists()
            print(f"{path.stem:<20} {'running' if alive else 'ended'}")
        print(run(SEKISHO, "authenticator", "status", "--state", self.at / "authenticator", check=False), end="")

    def down(self):
        """Ends what runs inside the lab's own namespaces, then removes them and the directory."""
        # Also those of a floor, whatever its story has added.
        names = [path.name for path in pathlib.Path("/run/netns").glob(self.ns("*"))]
        for how in (signal.SIGTERM, signal.SIGKILL):
            for process in self.processes(names):
                try:
                    os.kill(process, how)
                except ProcessLookupError:
                    pass
            end = time.monotonic() + 3
            while self.processes(names) and time.monotonic() < end:
                time.sleep(0.05)
        for name in names:
            run("ip", "netns", "del", name, check=False)
        for name in names:
            shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)
        shutil.rmtree(self.at, ignore_errors=True)

    def processes(self, names):
        return [int(process) for name in names for process in run("ip", "netns", "pids", name, check=False).split()]

    def settled(self, port, state):
        self.wait(f"{port} {state}", lambda: self.states()[port]["state"] == state)
