//! What TCP shows: stacks by their SYN, who answers, how fast, and how a conversation begins.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::hop::{HOPS_MAX, is_public};
use super::names::PHONE_NAME_WEIGHT_SHARED;
use super::{Context, Draft, Sensor, Subject};
use crate::sensor::capture::CaptureTime;
use crate::sensor::dissect::{
    ClientHello, Greeting, Http, Ip, Protocol, Syn, Tcp, greeting, is_answer, is_server_hello,
};
use crate::sensor::fingerprint::{
    DhcpClass, StackClass, desktop, initial_ttl, phone_row, stack_class,
};
use crate::sensor::habit::{Aspect, stack_value};
use crate::sensor::judge::WINDOW_S;
use crate::sensor::knowledge::Role;
use crate::sensor::phone::{MESSAGING_PORT, is_phone_agent};
use crate::sensor::sign::SignKind;
use crate::sensor::station::{STACKS_MAX, Stack};
use crate::vocabulary::{Mac, escape};

/// The method that asks for a tunnel (RFC 9110 §9.3.6).
const TUNNEL: &str = "CONNECT";
/// The weight of a request for a proxy that nobody has answered as one: anybody can send one.
const PROXY_ASKED_WEIGHT: u8 = 2;
/// The fastest answer that a server outside the site can give, in seconds.
pub const FAR_ANSWER_S_MIN: f64 = 0.000_3;

/// Ports of web servers and proxies.
const WEB_PORTS: &[u16] = &[80, 443, 1080, 3128, 8000, 8080, 8081, 8443, 8888];
/// Ports from here on are drawn by chance for one connection (RFC 6335 §6, Linux's default).
const DRAWN_PORT_MIN: u16 = 32_768;
/// Ports on which a PC serves by itself: Windows for UPnP, device discovery, remote management, and
/// updates handed on to neighbours (Delivery Optimization, 7680) and media shared (10243).
const SYSTEM_PORTS: &[u16] = &[2869, 5357, 5358, 5985, 5986, 7680, 10_243, 47_001];
/// Ports of the management controller that shares the network interface (registered with IANA for
/// Intel AMT).
pub(super) const CONTROLLER_PORTS: RangeInclusive<u16> = 16_992..=16_995;
/// What systems and their protection say to be where they serve by themselves, and on which ports,
/// if not on any: AirPlay on a Mac, Trend Micro's agent.
const SYSTEM_SERVERS: &[(&str, &[u16])] =
    &[("AirTunes/", &[5_000, 7_000]), ("OfficeScan Client", &[])];

/// A connection, by client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlowKey {
    client: (IpAddr, u16),
    server: (IpAddr, u16),
}

impl FlowKey {
    /// Whose client sent the segment.
    const fn of_client(ip: &Ip<'_>, tcp: &Tcp<'_>) -> Self {
        Self { client: (ip.source, tcp.source), server: (ip.destination, tcp.destination) }
    }

    /// Whose server sent the segment.
    const fn of_server(ip: &Ip<'_>, tcp: &Tcp<'_>) -> Self {
        Self { client: (ip.destination, tcp.destination), server: (ip.source, tcp.source) }
    }
}

impl Hash for FlowKey {
    /// In as few numbers as hold it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (address, _) in [self.client, self.server] {
            match address {
                IpAddr::V4(address) => state.write_u32(address.to_bits()),
                IpAddr::V6(address) => state.write_u128(address.to_bits()),
            }
        }
        state.write_u32(u32::from(self.client.1) << 16 | u32::from(self.server.1));
    }
}

/// What is remembered of a connection.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    sequence: u32,
    time: CaptureTime,
    mac: Option<Mac>,
    ttl: u8,
    class: Option<StackClass>,
    answered: bool,
    /// Whether the client, and the server, have said anything.
    spoke: [bool; 2],
    /// A greeting of SOCKS, and whether the client sent it.
    greeting: Option<(Greeting, bool)>,
    /// The form of a request for a proxy that waits for its answer.
    asked: Option<&'static str>,
}

/// What a payload means to its connection.
struct Spoken {
    /// The client's stack, where the client speaks.
    class: Option<StackClass>,
    /// The form of a request for a proxy that the server now answers.
    proxied: Option<&'static str>,
    /// Whether it answers a greeting of SOCKS.
    greeted: bool,
}

impl Flow {
    fn speak(&mut self, forward: bool, payload: &[u8]) -> Spoken {
        // Only the next that the server says answers the request.
        let proxied = self.asked.take_if(|_| !forward);
        // A proxy that calls its user (reverse SOCKS) is greeted by the server.
        let asked = self.greeting.take_if(|(_, by_client)| *by_client != forward);
        let [client, server] = &mut self.spoke;
        let spoke = if forward { client } else { server };
        if !std::mem::replace(spoke, true) {
            self.greeting = greeting(payload).map(|greeting| (greeting, forward));
        }
        let greeted = asked.is_some_and(|(asked, _)| is_answer(asked, payload));
        Spoken { class: self.class.filter(|_| forward), proxied, greeted }
    }
}

/// Whether a PC serves there by itself.
fn is_systems_port(port: u16) -> bool {
    SYSTEM_PORTS.contains(&port) || CONTROLLER_PORTS.contains(&port)
}

/// Whether an answer is that of a server which comes with a system.
fn is_systems(http: &Http<'_>, port: u16) -> bool {
    let Http::Response { head, .. } = http else { return false };
    SYSTEM_SERVERS
        .iter()
        .any(|(name, on)| head.server.starts_with(name) && (on.is_empty() || on.contains(&port)))
}

impl Sensor {
    pub(super) fn segment(&mut self, at: &Context, ip: &Ip<'_>, tcp: &Tcp<'_>) {
        match (tcp.syn, tcp.ack) {
            (Some(syn), false) => self.opened(at, ip, tcp, syn),
            (Some(syn), true) => self.answered(at, ip, tcp, syn),
            (None, _) => {}
        }
        if !tcp.payload.is_empty() {
            self.spoken(at, ip, tcp);
        }
    }

    /// The first SYN of a connection; a repeated one says less, since Windows leaves options out.
    fn opened(&mut self, at: &Context, ip: &Ip<'_>, tcp: &Tcp<'_>, syn: Syn) {
        let class = stack_class(ip.source, ip.ttl, syn);
        let new = Flow {
            sequence: tcp.sequence,
            time: at.time,
            mac: at.source,
            ttl: ip.ttl,
            class: Some(class),
            answered: false,
            spoke: [false; 2],
            greeting: None,
            asked: None,
        };
        let mut made = false;
        let flow = self.flows.get_or(FlowKey::of_client(ip, tcp), || {
            made = true;
            new.clone()
        });
        if !made && flow.sequence == tcp.sequence {
            let (mac, ttl) = (flow.mac, flow.ttl);
            self.seen_again(at, ip, mac, ttl);
            return;
        }
        *flow = new;
        let subject = self.subject(at, at.source, ip.source);
        let phone = phone_row(ip.ttl, syn);
        self.own_stack(at, subject, ip, (class, phone.is_some()));
        if let Some(row) = phone {
            let draft = Draft::new(SignKind::PhoneStack).weight(row.phone).at(ip.source);
            self.raise(at, subject, draft.fact("one", row.name));
        }
        if tcp.destination == MESSAGING_PORT {
            let draft = Draft::new(SignKind::PhoneName).at(ip.source);
            let draft = draft.weight(PHONE_NAME_WEIGHT_SHARED);
            self.raise(at, subject, draft.fact("name", format!("tcp/{MESSAGING_PORT}")));
        }
        if matches!(subject, Subject::Mac(_)) {
            let forwarded = initial_ttl(ip.ttl) != ip.ttl;
            let address = ip.source;
            self.desktop_behind(at, subject, address, syn);
            self.stacks(at, subject, Stack { address, class, syn, forwarded, time: at.time });
        }
    }

    /// Who asks for an address as routers and small things do has no desktop's stack.
    fn desktop_behind(&mut self, at: &Context, subject: Subject, address: IpAddr, syn: Syn) {
        let class = self.station(at, subject).dhcp.and_then(|(class, _)| class);
        let thing = class.filter(|it| matches!(it, DhcpClass::Busybox | DhcpClass::Lwip));
        if let (Some(one), Some(other)) = (thing, desktop(syn)) {
            let draft = Draft::new(SignKind::ClientMismatch).at(address);
            self.raise(at, subject, draft.fact("one", one.id()).fact("other", other.id()));
        }
    }

    /// Compares a station's own stack with the one it is used to. A boot loader's is another.
    fn own_stack(
        &mut self,
        at: &Context,
        subject: Subject,
        ip: &Ip<'_>,
        (class, phone): (StackClass, bool),
    ) {
        let Subject::Mac(mac) = subject else { return };
        let boots = self.station(at, subject).dhcp;
        let boots = boots.is_some_and(|(class, _)| class == Some(DhcpClass::Pxe));
        if initial_ttl(ip.ttl) == ip.ttl && !boots {
            let draft = || Draft::new(SignKind::StackChanged).at(ip.source);
            self.used_to(at, mac, (Aspect::Stack, stack_value(class)), phone, draft);
        }
    }

    /// The same segment from another MAC, at another TTL: someone between the two forwards.
    fn seen_again(&mut self, at: &Context, ip: &Ip<'_>, before: Option<Mac>, ttl: u8) {
        let (Some(one), Some(other)) = (before, at.source) else { return };
        if one == other || self.baseline(at.vlan).is_none() {
            return;
        }
        if self.is_gateway(one) || self.is_gateway(other) {
            return;
        }
        let (mac, low, high) = if ip.ttl < ttl { (other, ip.ttl, ttl) } else { (one, ttl, ip.ttl) };
        // Who sends another's segment again with a higher TTL makes nobody a relay.
        let forwarded = Some(initial_ttl(low) - low) > self.baseline(at.vlan);
        if forwarded && (1..=HOPS_MAX).contains(&(high - low)) {
            let draft = Draft::new(SignKind::RelayedFlow).at(ip.source).fact("ttl", low);
            self.raise(at, Subject::Mac(mac), draft);
        }
    }

    /// Compares a stack with those seen behind the station before: classes first, settings only
    /// within Unix. A host's windows differ between IPv4 and IPv6, since segments do. Before the vantage is known, only what one address shows is compared.
    fn stacks(&mut self, at: &Context, subject: Subject, stack: Stack) {
        let whole = self.baseline(at.vlan).is_some();
        let station = self.station(at, subject);
        let mut drafts = Vec::new();
        for other in &station.stacks {
            let comparable = other.time.within(at.time, WINDOW_S)
                && (whole || other.address == stack.address)
                && other.address.is_ipv4() == stack.address.is_ipv4()
                && other.syn != stack.syn;
            if !comparable {
                continue;
            }
            let settings = |stack: &Stack| (stack.syn.window, stack.syn.scale);
            let kind = if other.class != stack.class {
                SignKind::StackClasses
            } else if stack.class == StackClass::Unix && settings(other) != settings(&stack) {
                SignKind::StackWindows
            } else {
                SignKind::StackVariants
            };
            let draft = Draft::new(kind).at(stack.address).fact("one", words(other));
            drafts.push(draft.fact("other", words(&stack)));
        }
        let same = |other: &&mut Stack| {
            (other.address, other.syn, other.forwarded)
                == (stack.address, stack.syn, stack.forwarded)
        };
        match station.stacks.iter_mut().find(same) {
            Some(other) => other.time = at.time,
            None => {
                if station.stacks.len() >= STACKS_MAX {
                    station.stacks.remove(0);
                }
                station.stacks.push(stack);
            }
        }
        for draft in drafts {
            self.raise(at, subject, draft);
        }
        self.reconsider(at, subject);
    }

    fn answered(&mut self, at: &Context, ip: &Ip<'_>, tcp: &Tcp<'_>, syn: Syn) {
        let roles = self.knowledge.roles(at.source, Some(ip.source));
        if roles.has(Role::Client) && WEB_PORTS.contains(&tcp.source) {
            let subject = self.serving(at, at.source, ip.source);
            self.raise(
                at,
                subject,
                Draft::new(SignKind::ServicePort).service(ip.source, tcp.source),
            );
        }
        self.offers(at, ip, tcp.source);
        let near = self.baseline(at.vlan).is_some();
        let key = FlowKey::of_server(ip, tcp);
        let Some(flow) = self.flows.get_mut(&key) else { return };
        if std::mem::replace(&mut flow.answered, true) {
            return;
        }
        let (asked, mac, class) = (flow.time, flow.mac, flow.class);
        if let Some(mac) = mac.filter(|_| near && is_public(ip.source)) {
            let key = (ip.source, tcp.source, class);
            self.compare_server(at, mac, ip.destination, key, (ip.ttl, syn));
        }
        let seconds = asked.seconds_until(at.time);
        // Some captures give every frame the same time.
        if !near || seconds <= 0.0 || seconds >= FAR_ANSWER_S_MIN || !is_public(ip.source) {
            return;
        }
        let known = [Role::Server, Role::Proxy].iter().any(|role| roles.has(*role));
        let Some(mac) = mac.filter(|_| !known && !is_public(ip.destination)) else { return };
        if !self.is_gateway(mac) {
            let microseconds = format!("{:.0}", seconds * 1e6);
            let draft = Draft::new(SignKind::FastAnswer).at(ip.destination);
            let server = format!("{}:{}", ip.source, tcp.source);
            let draft = draft.fact("server", server).fact("microseconds", microseconds);
            self.raise(at, Subject::Mac(mac), draft);
        }
    }

    /// Compares the services of a station with those it is used to offer.
    fn offers(&mut self, at: &Context, ip: &Ip<'_>, port: u16) {
        let own = initial_ttl(ip.ttl) == ip.ttl && !is_public(ip.source);
        if port >= DRAWN_PORT_MIN || is_systems_port(port) || !own {
            return;
        }
        if let Subject::Mac(mac) = self.subject(at, at.source, ip.source) {
            let draft = || Draft::new(SignKind::ServiceAdded).service(ip.source, port);
            self.used_to(at, mac, (Aspect::Service, u64::from(port)), false, draft);
        }
    }

    /// By what a server is remembered: its own MAC where that is known to be its own.
    fn serving(&mut self, at: &Context, mac: Option<Mac>, address: IpAddr) -> Subject {
        match self.baseline(at.vlan) {
            Some(_) => self.subject(at, mac, address),
            None => Subject::Ip(address),
        }
    }

    fn spoken(&mut self, at: &Context, ip: &Ip<'_>, tcp: &Tcp<'_>) {
        let key = FlowKey::of_client(ip, tcp);
        // Clients mostly have the higher port: looked up first is what mostly is there.
        let forward = tcp.source >= tcp.destination;
        let mut spoken = None;
        for forward in [forward, !forward] {
            let key = if forward { key } else { FlowKey::of_server(ip, tcp) };
            if let Some(flow) = self.flows.get_mut(&key) {
                spoken = Some(flow.speak(forward, tcp.payload));
                break;
            }
        }
        let (mut class, mut proxied) = (None, None);
        if let Some(spoken) = spoken {
            (class, proxied) = (spoken.class, spoken.proxied);
            if spoken.greeted {
                self.socks(at, ip, tcp);
            }
        } else if let Some(greeting) = greeting(tcp.payload) {
            let flow = Flow { greeting: Some((greeting, true)), ..began_before(at, ip, tcp) };
            self.flows.insert(key, flow);
        }
        if let Some(http) = Http::parse(tcp.payload) {
            self.protocols.add(Protocol::Http);
            self.http(at, ip, tcp, &http, (class, proxied));
        } else if let Some(hello) = ClientHello::parse(tcp.payload) {
            self.protocols.add(Protocol::Tls);
            let subject = self.subject(at, at.source, ip.source);
            if let (Subject::Mac(mac), Some(class)) = (subject, class)
                && initial_ttl(ip.ttl) == ip.ttl
            {
                self.compare_hello(at, (mac, ip.source), &hello, class);
            }
            self.asked_for(at, subject, ip.source, &hello.name);
        } else if is_server_hello(tcp.payload) {
            self.protocols.add(Protocol::Tls);
            if WEB_PORTS.contains(&tcp.source) {
                // The status of a tunnel may be lost; what the tunnel carries shows it as well.
                if let Some(form) = proxied.filter(|form| *form == TUNNEL) {
                    self.proxy_answered(at, ip, tcp.source, form);
                }
                self.serves(at, ip, tcp.source);
            }
        }
    }

    fn http(
        &mut self,
        at: &Context,
        ip: &Ip<'_>,
        tcp: &Tcp<'_>,
        http: &Http<'_>,
        (class, proxied): (Option<StackClass>, Option<&'static str>),
    ) {
        let Http::Request { method, head, .. } = http else {
            // It is one when it does what was asked, asks who is asking, or could not reach whom
            // it was asked for (RFC 9110 §15.3, §15.5.8, §15.6.3, §15.6.5). Windows' own servers,
            // like any, take a target with its scheme and pass over fields for proxies; only a
            // tunnel is nothing that they give. A proxy says that it is one (RFC 9110 §7.6.3).
            let system = is_systems_port(tcp.source);
            let served = |form: &&str| match http {
                Http::Response { status: 407 | 502 | 504, .. } => true,
                Http::Response { head, .. } if head.via => true,
                Http::Response { status: 200..=299, .. } => !system || *form == TUNNEL,
                Http::Response { .. } | Http::Request { .. } => false,
            };
            if let Some(form) = proxied.filter(served) {
                self.proxy_answered(at, ip, tcp.source, form);
            }
            if !is_systems(http, tcp.source) {
                self.serves(at, ip, tcp.source);
            }
            return;
        };
        if http.is_for_proxy() && !self.is_excused(at.destination, ip.destination) {
            let form = match (*method, head.proxy) {
                (TUNNEL, _) => TUNNEL,
                (_, true) => "Proxy-Connection",
                (_, false) => "absolute-URI",
            };
            let subject = self.serving(at, at.destination, ip.destination);
            let draft = Draft::new(SignKind::ProxyRequest).service(ip.destination, tcp.destination);
            let draft = draft.weight(PROXY_ASKED_WEIGHT).fact("form", form);
            self.raise(at, subject, draft);
            let key = FlowKey::of_client(ip, tcp);
            self.flows.get_or(key, || began_before(at, ip, tcp)).asked = Some(form);
        }
        let subject = self.subject(at, at.source, ip.source);
        self.asked_for(at, subject, ip.source, head.host);
        // What a proxy or server of the plan hands on is others'.
        if self.is_excused(at.source, ip.source) {
            return;
        }
        if head.via || head.forwarded {
            let form = if head.via { "Via" } else { "X-Forwarded-For" };
            let draft = Draft::new(SignKind::ForwardedField).at(ip.source);
            self.raise(at, subject, draft.fact("form", form));
        }
        let phone = is_phone_agent(head.agent);
        // Browsers of PCs say so too, for whoever makes web pages.
        if phone && class != Some(StackClass::Windows) {
            self.raise(at, subject, Draft::new(SignKind::PhoneAgent).at(ip.source));
        }
        let contradicts = match class {
            Some(StackClass::Unix | StackClass::Apple) => head.agent.contains("Windows NT"),
            Some(StackClass::Windows) => phone,
            Some(StackClass::Other) | None => false,
        };
        if let Some(class) = class.filter(|_| contradicts) {
            let agent: String = head.agent.chars().take(40).collect();
            let draft = Draft::new(SignKind::AgentMismatch).at(ip.source);
            let draft = draft.fact("agent", escape(agent.as_bytes()));
            self.raise(at, subject, draft.fact("one", class.id()));
        }
    }

    /// The next that a server said after a request for a proxy is what a proxy says.
    fn proxy_answered(&mut self, at: &Context, ip: &Ip<'_>, port: u16, form: &'static str) {
        if self.is_excused(at.source, ip.source) {
            return;
        }
        let roles = self.knowledge.roles(at.source, Some(ip.source));
        let hard = roles.has(Role::Client) && at.setting.services_hard;
        let subject = self.serving(at, at.source, ip.source);
        let draft = Draft::new(SignKind::ProxyRequest).service(ip.source, port);
        self.raise(at, subject, draft.hard(hard).fact("form", form));
    }

    /// Someone answered HTTP or TLS as a server does.
    fn serves(&mut self, at: &Context, ip: &Ip<'_>, port: u16) {
        let roles = self.knowledge.roles(at.source, Some(ip.source));
        if !roles.has(Role::Client) || is_systems_port(port) {
            return;
        }
        let subject = self.serving(at, at.source, ip.source);
        let draft = Draft::new(SignKind::HttpServer).service(ip.source, port);
        self.raise(at, subject, draft.hard(at.setting.services_hard));
    }

    fn socks(&mut self, at: &Context, ip: &Ip<'_>, tcp: &Tcp<'_>) {
        self.protocols.add(Protocol::Socks);
        if self.is_excused(at.source, ip.source) {
            return;
        }
        let client = self.knowledge.roles(at.source, Some(ip.source)).has(Role::Client);
        let subject = self.serving(at, at.source, ip.source);
        let draft = Draft::new(SignKind::SocksProxy).service(ip.source, tcp.source);
        self.raise(at, subject, draft.hard(client && at.setting.services_hard));
    }

    /// Whether the plan lets a station serve and forward requests.
    fn is_excused(&self, mac: Option<Mac>, address: IpAddr) -> bool {
        // A gateway's MAC stands for whoever is behind it: only the address counts then.
        let roles = self.knowledge.roles(None, Some(address));
        let roles = match mac {
            Some(mac) if !self.knowledge.roles(Some(mac), None).has(Role::Router) => {
                roles.or(self.knowledge.roles(Some(mac), None))
            }
            Some(_) | None => roles,
        };
        roles.has(Role::Proxy) || roles.has(Role::Server)
    }
}

/// A connection that began before the capture did, by what its client says.
fn began_before(at: &Context, ip: &Ip<'_>, tcp: &Tcp<'_>) -> Flow {
    Flow {
        sequence: tcp.sequence,
        time: at.time,
        mac: at.source,
        ttl: ip.ttl,
        class: None,
        answered: false,
        spoke: [true, false],
        greeting: None,
        asked: None,
    }
}

/// A stack as operators read it: class, window and scale.
fn words(stack: &Stack) -> String {
    let scale = stack.syn.scale.map_or_else(|| "-".to_owned(), |scale| scale.to_string());
    format!("{} {}/{scale}", stack.class.id(), stack.syn.window)
}
