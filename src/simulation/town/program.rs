//! What runs on a device, as far as the wire shows it: whom it asks for, what it says, how often.
//!
//! Names, agents and sizes of offers are those the programs' makers publish or that any such
//! device shows; only the form of a TLS offer is made up to size, its contents mean nothing.

/// A TLS client's offer: newest version, suites, extensions, first protocol of ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) version: u16,
    pub(super) suites: u8,
    pub(super) extensions: u8,
    pub(super) alpn: &'static str,
    /// Values of RFC 8701 in between.
    pub(super) grease: bool,
}

const fn offer(
    version: u16,
    suites: u8,
    extensions: u8,
    alpn: &'static str,
    grease: bool,
) -> Offer {
    Offer { version, suites, extensions, alpn, grease }
}

/// Chromium, on any system.
pub(super) const CHROMIUM: Offer = offer(0x0304, 15, 16, "h2", true);
/// Schannel, Windows' own.
pub(super) const SCHANNEL: Offer = offer(0x0303, 19, 8, "", false);
/// OpenSSL 3 as curl and the like use it.
pub(super) const OPENSSL: Offer = offer(0x0304, 30, 11, "http/1.1", false);
/// Apple's network framework.
pub(super) const APPLE: Offer = offer(0x0304, 20, 12, "h2", true);
/// Conscrypt, Android's own.
pub(super) const CONSCRYPT: Offer = offer(0x0304, 9, 10, "h2", false);
/// The TLS library of small devices.
pub(super) const MBED: Offer = offer(0x0303, 8, 6, "", false);

pub(super) const EDGE_AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0";
const UPDATE_AGENT: &str = "Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.71";
const NCSI_AGENT: &str = "Microsoft NCSI";
const DALVIK_AGENT: &str = "Dalvik/2.1.0 (Linux; U; Android 13; SM-A546B Build/TP1A.220624.014)";
const CAPTIVE_AGENT: &str = "CaptiveNetworkSupport-443.120.2 wispr";
const SAFARI_AGENT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const MAC_AGENT: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15";
const APT_AGENT: &str = "Debian APT-HTTP/1.3 (2.4.12)";
const CURL_AGENT: &str = "curl/7.88.1";

/// Something a program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Fetches a page from one of the names; over TLS where there is an offer.
    Fetch { names: &'static [&'static str], agent: &'static str, offer: Option<Offer> },
    /// Looks names up, one after another, and goes no further.
    Look(&'static [&'static str]),
    /// A connection to the environment's own server, with that many octets to say.
    Talk { port: u16, octets: u16 },
    /// A connection to a port of one of the names, held without TLS that matters here.
    Hold { names: &'static [&'static str], port: u16 },
    /// Asks for the time.
    Clock(&'static str),
    /// Says something to everybody.
    Announce { to: [u8; 4], from: u16, port: u16, payload: &'static [u8] },
    /// Says who has a name of its own, by mDNS.
    Name(&'static str),
    /// A connection to a neighbour that serves the port.
    Visit { port: u16, request: &'static [u8] },
    /// Pulls the cable and plugs it in again.
    Replug,
}

/// How often something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Habit {
    pub(super) doing: Doing,
    /// Seconds in between, on average.
    pub(super) every_s: u32,
    /// Also once when the device has come up.
    pub(super) at_first: bool,
    /// Goes on when nobody works.
    pub(super) always: bool,
}

const fn work(every_s: u32, doing: Doing) -> Habit {
    Habit { doing, every_s, at_first: false, always: false }
}

const fn first(every_s: u32, doing: Doing) -> Habit {
    Habit { doing, every_s, at_first: true, always: false }
}

const fn always(every_s: u32, doing: Doing) -> Habit {
    Habit { doing, every_s, at_first: true, always: true }
}

const fn fetch(names: &'static [&'static str], agent: &'static str, offer: Offer) -> Doing {
    Doing::Fetch { names, agent, offer: Some(offer) }
}

const fn plain(names: &'static [&'static str], agent: &'static str) -> Doing {
    Doing::Fetch { names, agent, offer: None }
}

const INSIDE: &[&str] = &[
    "portal.city.example",
    "groupware.city.example",
    "zaimu.city.example",
    "jinji.city.example",
    "bunsho.city.example",
    "gis.city.example",
];
const WEB: &[&str] = &[
    "www.city.example.jp",
    "www.soumu.example.jp",
    "news.example.jp",
    "weather.example.jp",
    "maps.example.com",
    "search.example.com",
    "video.example.com",
    "cdn.example.net",
    "static.example.net",
    "www.pref.example.jp",
    "travel.example.jp",
    "shop.example.com",
    "clients2.google.com",
    "fonts.googleapis.com",
    "www.gstatic.com",
];
const MICROSOFT: &[&str] = &[
    "settings-win.data.microsoft.com",
    "login.microsoftonline.com",
    "config.edge.skype.com",
    "nexusrules.officeapps.live.com",
    "ctldl.windowsupdate.com",
    "v10.events.data.microsoft.com",
];
pub(super) const NCSI: &[&str] = &["www.msftconnecttest.com"];
pub(super) const NCSI_NAMES: &[&str] = &["www.msftconnecttest.com", "dns.msftncsi.com"];
const APPLE_SERVICES: &[&str] = &[
    "gateway.icloud.com",
    "configuration.apple.com",
    "gsp-ssl.ls.apple.com",
    "bag.itunes.apple.com",
    "mask.icloud.com",
    "xp.apple.com",
];
const GOOGLE_SERVICES: &[&str] = &[
    "play.googleapis.com",
    "android.googleapis.com",
    "www.googleapis.com",
    "firebaseinstallations.googleapis.com",
    "app-measurement.com",
    "www.google.com",
];
const PHONE_WEB: &[&str] = &[
    "line.example.jp",
    "sns.example.com",
    "video.example.com",
    "news.example.jp",
    "game.example.com",
    "map.example.jp",
];
/// The city's proxy, which only its server knows by role.
pub(super) const PROXY_NAME: &str = "proxy.city.example";

const NBNS: &[u8] =
    b"\x12\x34\x01\x10\0\x01\0\0\0\0\0\0\x20FHEPFCELEHFCEPFFFACACACACACACABN\0\0\x20\0\x01";
const LLMNR: &[u8] = b"\x51\x11\0\0\0\x01\0\0\0\0\0\0\x04wpad\0\0\x01\0\x01";
const SEARCH: &[u8] = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST: upnp:rootdevice\r\nMAN: \"ssdp:discover\"\r\nMX: 3\r\n\r\n";
const GATEWAY_NOTIFY: &[u8] = b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nNTS: ssdp:alive\r\nSERVER: Linux/4.4 UPnP/1.0 MiniUPnPd/2.1\r\n\r\n";
const PRINTER_NOTIFY: &[u8] = b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: urn:schemas-upnp-org:device:Printer:1\r\nNTS: ssdp:alive\r\nSERVER: Printer/2.0 UPnP/1.0\r\n\r\n";

const fn netbios() -> Doing {
    Doing::Announce { to: [255; 4], from: 137, port: 137, payload: NBNS }
}

const fn search() -> Doing {
    Doing::Announce { to: [239, 255, 255, 250], from: 50_000, port: 1900, payload: SEARCH }
}

/// A Windows PC where the Internet is not reached.
pub(super) const OFFICE_PC: &[Habit] = &[
    first(14_400, Doing::Look(NCSI_NAMES)),
    first(3_600, Doing::Talk { port: 88, octets: 1_400 }),
    first(3_600, Doing::Talk { port: 389, octets: 300 }),
    work(120, fetch(INSIDE, EDGE_AGENT, CHROMIUM)),
    work(300, plain(INSIDE, EDGE_AGENT)),
    work(300, Doing::Talk { port: 445, octets: 900 }),
    work(3_600, plain(&["wsus.city.example"], UPDATE_AGENT)),
    work(3_600, Doing::Look(MICROSOFT)),
    work(3_600, Doing::Clock("dc.city.example")),
    work(1_800, netbios()),
    work(1_800, Doing::Announce { to: [224, 0, 0, 252], from: 50_001, port: 5355, payload: LLMNR }),
    work(1_800, search()),
    work(5_400, Doing::Visit { port: 9100, request: b"\x1b%-12345X@PJL\r\n" }),
    work(14_400, Doing::Replug),
];
/// A Windows PC that reaches the Internet: browsers keep a channel for messages, one in a few has
/// a phone maker's software, updates come from neighbours.
pub(super) const WEB_PC: &[Habit] = &[
    first(14_400, plain(NCSI, NCSI_AGENT)),
    first(14_400, Doing::Look(NCSI_NAMES)),
    first(3_600, Doing::Talk { port: 88, octets: 1_400 }),
    first(1_800, Doing::Hold { names: &["mtalk.google.com"], port: 5228 }),
    work(60, fetch(WEB, EDGE_AGENT, CHROMIUM)),
    work(600, plain(WEB, EDGE_AGENT)),
    work(600, fetch(MICROSOFT, EDGE_AGENT, SCHANNEL)),
    work(3_600, plain(&["ctldl.windowsupdate.com"], UPDATE_AGENT)),
    work(300, Doing::Talk { port: 445, octets: 900 }),
    work(3_600, Doing::Clock("time.windows.com")),
    work(1_800, netbios()),
    work(1_800, search()),
    work(3_600, Doing::Visit { port: 7680, request: b"\x0eSwarm protocol" }),
    work(5_400, Doing::Visit { port: 9100, request: b"\x1b%-12345X@PJL\r\n" }),
    work(14_400, Doing::Replug),
];
/// The same with a phone maker's software on it, which asks for what phones ask for.
pub(super) const WEB_PC_ITUNES: &[Habit] = &[
    first(14_400, plain(NCSI, NCSI_AGENT)),
    first(1_800, Doing::Hold { names: &["12-courier.push.apple.com"], port: 5223 }),
    work(90, fetch(WEB, EDGE_AGENT, CHROMIUM)),
    work(600, fetch(APPLE_SERVICES, EDGE_AGENT, SCHANNEL)),
    work(600, fetch(MICROSOFT, EDGE_AGENT, SCHANNEL)),
    work(14_400, Doing::Replug),
];
/// A Mac of the public relations section.
pub(super) const MAC_PC: &[Habit] = &[
    first(7_200, plain(&["captive.apple.com"], CAPTIVE_AGENT)),
    first(3_600, Doing::Hold { names: &["7-courier.push.apple.com"], port: 5223 }),
    work(60, fetch(WEB, MAC_AGENT, APPLE)),
    work(300, fetch(APPLE_SERVICES, MAC_AGENT, APPLE)),
    work(1_800, Doing::Clock("time.apple.com")),
    work(3_600, Doing::Name("MacBook-Pro.local")),
    work(14_400, Doing::Replug),
];
/// A kiosk or signage machine of Linux.
pub(super) const LINUX_PC: &[Habit] = &[
    always(300, fetch(INSIDE, CURL_AGENT, OPENSSL)),
    always(7_200, plain(&["archive.city.example"], APT_AGENT)),
    always(1_800, Doing::Clock("ntp.city.example")),
];
/// A printer, a copier.
pub(super) const PRINTING: &[Habit] = &[
    always(1_800, Doing::Name("BRW1234567890.local")),
    always(
        3_600,
        Doing::Announce {
            to: [239, 255, 255, 250],
            from: 1900,
            port: 1900,
            payload: PRINTER_NOTIFY,
        },
    ),
    always(3_600, Doing::Clock("ntp.city.example")),
    work(7_200, Doing::Talk { port: 25, octets: 700 }),
];
/// An IP telephone.
pub(super) const TELEPHONING: &[Habit] = &[
    always(600, Doing::Talk { port: 5060, octets: 600 }),
    always(7_200, Doing::Clock("ntp.city.example")),
    always(14_400, plain(&["sip.city.example"], "Cisco-CP-8841/14.2")),
];
/// A camera that sends stills.
pub(super) const WATCHING: &[Habit] = &[
    always(300, Doing::Fetch { names: &["nvr.city.example"], agent: "camera", offer: Some(MBED) }),
    always(3_600, Doing::Clock("ntp.city.example")),
];
/// Android, in somebody's hand or lying about.
pub(super) const ANDROID: &[Habit] = &[
    first(1_800, plain(&["connectivitycheck.gstatic.com"], DALVIK_AGENT)),
    first(1_800, fetch(&["www.google.com"], DALVIK_AGENT, CONSCRYPT)),
    first(1_200, Doing::Hold { names: &["mtalk.google.com"], port: 5228 }),
    work(60, fetch(GOOGLE_SERVICES, DALVIK_AGENT, CONSCRYPT)),
    work(60, fetch(PHONE_WEB, DALVIK_AGENT, CHROMIUM)),
    work(1_800, Doing::Clock("time.android.com")),
];
/// iOS.
pub(super) const IPHONE: &[Habit] = &[
    first(1_800, plain(&["captive.apple.com"], CAPTIVE_AGENT)),
    first(1_200, Doing::Hold { names: &["3-courier.push.apple.com"], port: 5223 }),
    work(60, fetch(APPLE_SERVICES, SAFARI_AGENT, APPLE)),
    work(60, fetch(PHONE_WEB, SAFARI_AGENT, APPLE)),
    work(1_800, Doing::Clock("time-ios.apple.com")),
];
/// What a consumer router says of itself.
pub(super) const ROUTING: &[Habit] = &[
    first(1_800, Doing::Clock("ntp.maker.example.jp")),
    first(
        900,
        Doing::Announce {
            to: [239, 255, 255, 250],
            from: 1900,
            port: 1900,
            payload: GATEWAY_NOTIFY,
        },
    ),
    work(7_200, fetch(&["update.maker.example.jp"], CURL_AGENT, OPENSSL)),
];
/// A box that says as little as it can.
pub(super) const SILENT: &[Habit] = &[always(600, Doing::Clock("ntp.maker.example.jp"))];
/// A PC behind a quiet router: one request a minute.
pub(super) const SLOW: &[Habit] =
    &[work(120, Doing::Look(INSIDE)), work(240, fetch(INSIDE, EDGE_AGENT, CHROMIUM))];
/// The same programs as an office PC's through a proxy on a phone, without a word in the clear.
pub(super) const ENCRYPTED: &[Habit] = &[
    work(60, fetch(INSIDE, EDGE_AGENT, CHROMIUM)),
    work(300, Doing::Talk { port: 445, octets: 900 }),
];
/// A Linux guest of a virtual machine.
pub(super) const GUEST: &[Habit] = &[
    first(120, fetch(INSIDE, CURL_AGENT, OPENSSL)),
    work(600, plain(&["archive.city.example"], APT_AGENT)),
];
/// Whoever looks after PCs asks their management controllers.
pub(super) const MANAGING: &[Habit] = &[
    work(
        20,
        Doing::Visit {
            port: 16_992,
            request: b"GET /index.htm HTTP/1.1\r\nHost: pc:16992\r\n\r\n",
        },
    ),
    work(120, fetch(INSIDE, EDGE_AGENT, CHROMIUM)),
];
/// A boot loader fetches its image.
pub(super) const BOOTING: &[Habit] = &[
    first(30, plain(&["deploy.city.example"], "iPXE/1.21.1")),
    work(60, Doing::Talk { port: 80, octets: 200 }),
];
/// Somebody opens what a PC or phone offers.
pub(super) const BROWSING: &[Habit] = &[
    first(60, Doing::Visit { port: 80, request: b"GET /share/list.html HTTP/1.1\r\nHost: files\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)\r\n\r\n" }),
    work(120, fetch(INSIDE, EDGE_AGENT, CHROMIUM)),
];
/// Somebody uses a PC or phone as a proxy.
pub(super) const PROXIED: &[Habit] = &[
    first(60, Doing::Visit { port: 8080, request: b"GET http://news.example.jp/ HTTP/1.1\r\nHost: news.example.jp\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)\r\nProxy-Connection: keep-alive\r\n\r\n" }),
    work(120, fetch(INSIDE, EDGE_AGENT, CHROMIUM)),
];
/// The same through the city's proxy.
pub(super) const PROXIED_BY_CITY: &[Habit] = &[
    work(60, Doing::Fetch { names: &[PROXY_NAME], agent: EDGE_AGENT, offer: None }),
    work(120, fetch(INSIDE, EDGE_AGENT, CHROMIUM)),
];
/// The side effect of another interface: Windows checks its connection.
pub(super) const DUAL_HOMED: &[Habit] =
    &[first(3_600, Doing::Look(NCSI_NAMES)), work(300, fetch(INSIDE, EDGE_AGENT, CHROMIUM))];
