//! Signs: what the sensor saw, how much it weighs and which other evidence it is independent of.

use std::net::IpAddr;

use super::capture::CaptureTime;
use super::kind::VerdictKind;
use crate::vocabulary::{Language, registry};

/// Signs of one family see the same thing from the same side; only the heaviest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Distance in hops.
    Hop,
    /// TCP stacks.
    Stack,
    /// DHCP.
    Dhcp,
    /// Addresses.
    Address,
    /// The link layer.
    Layer2,
    /// Names looked up and announced.
    Names,
    /// HTTP and proxies.
    Http,
    /// Timing.
    Timing,
    /// Sessions, as RADIUS has them.
    Auth,
}

impl Family {
    /// The id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Hop => "hop",
            Self::Stack => "stack",
            Self::Dhcp => "dhcp",
            Self::Address => "address",
            Self::Layer2 => "l2",
            Self::Names => "names",
            Self::Http => "http",
            Self::Timing => "timing",
            Self::Auth => "auth",
        }
    }
}

registry! {
    /// The kinds of signs, with what an operator reads of each.
    SignKind {
        HopDistance "hop.distance"
            ["{address} のパケットの TTL が {ttl} で、途中で {hop} 台に中継されています", "a packet of {address} has TTL {ttl}: it was forwarded by {hop}"]
        RelayedFlow "hop.relayed-flow"
            ["同じ通信({address} から)が TTL {ttl} で別の MAC からも見えます", "the same flow (from {address}) is also seen from another MAC, at TTL {ttl}"]
        TtlFamilies "stack.ttl-families"
            ["一つの MAC の背後に初期 TTL 64 と 128 の両方があります({address})", "initial TTLs 64 and 128 both stand behind one MAC ({address})"]
        StackClasses "stack.classes"
            ["一つの MAC の背後に種類の違う TCP スタックがあります: {one} と {other}({address})", "different kinds of TCP stack stand behind one MAC: {one} and {other} ({address})"]
        StackWindows "stack.windows"
            ["一つの MAC の背後に設定の違う Unix 系 TCP スタックがあります: {one} と {other}({address})", "Unix-like TCP stacks of different settings stand behind one MAC: {one} and {other} ({address})"]
        StackVariants "stack.variants"
            ["TCP スタックの設定が変わりました: {one} と {other}({address})", "the TCP stack's settings vary: {one} and {other} ({address})"]
        AgentMismatch "stack.agent"
            ["User-Agent は {agent} なのに TCP スタックは {one} です({address})", "the agent says {agent} while the TCP stack is {one} ({address})"]
        ServerStack "stack.server"
            ["サーバー {server} の応答が、ほかの端末に見せるものと違います({address})", "the server {server} answers {address} unlike it answers others"]
        PhoneStack "stack.phone"
            ["TCP スタックが {one} のものです({address})", "the TCP stack is that of {one} ({address})"]
        PhoneDhcp "dhcp.phone"
            ["DHCP の要求がスマートフォン({class})のものです", "the DHCP request is that of a phone ({class})"]
        DhcpChanged "dhcp.changed"
            ["同じ MAC の DHCP の要求が {one} から {other} に変わりました", "the DHCP requests of one MAC changed from {one} to {other}"]
        ClientMismatch "dhcp.mismatch"
            ["DHCP では {one} として求めながら、{other} のパケットを出しています({address})", "it asks for its address as {one} does, while packets of {other} come from it ({address})"]
        RogueDhcp "dhcp.rogue-server"
            ["計画にない DHCP サーバー {server} が {given} を配りました", "a DHCP server not in the plan, {server}, gives {given}"]
        RogueRa "l2.rogue-router"
            ["計画にないルーター {address} がルーター広告または DHCPv6 の応答を出しました", "{address}, no router of the plan, advertises itself or answers DHCPv6"]
        BridgeFrame "l2.bridge-frame"
            ["端末のポートから {protocol} が届きました", "{protocol} came in on an access port"]
        NeighbourChanged "l2.neighbour"
            ["{protocol} の名乗りが変わりました", "the {protocol} neighbour changed"]
        TlsMismatch "stack.tls"
            ["TLS の ClientHello({shape})は、ほかの端末では {other} から出ているのに、{one} の TCP スタックから出ています({address})", "a TLS offer ({shape}) that others here make from {other} comes from a TCP stack of {one} ({address})"]
        ProbeBurst "names.ncsi"
            ["つなぎ直したわけでもないのに、Windows の接続確認({name})が行われました({address})", "it checks its connection as Windows does when an interface comes up ({name}), while none here did ({address})"]
        StackChanged "stack.changed"
            ["TCP スタックの種類が、この端末の {one} ではなく {other} です({address})", "the kind of TCP stack is {other}, not this station's {one} ({address})"]
        TtlChanged "stack.ttl-changed"
            ["パケットの初期 TTL が、この端末の {one} ではなく {other} です({address})", "packets begin with TTL {other}, not this station's {one} ({address})"]
        ServiceAdded "http.new-service"
            ["{server} が、これまでなかった接続を受けています", "{server} accepts connections, which it never did before"]
        NeighbourSwitch "l2.neighbour-switch"
            ["端末のポートの相手が {protocol} でスイッチまたはルーターと名乗っています", "the {protocol} neighbour on an access port says to be a switch or router"]
        LocalMac "l2.local-mac"
            ["MAC がローカル管理アドレスです", "the MAC is locally administered"]
        MakerBlock "l2.maker"
            ["MAC が {maker} のものです", "the MAC belongs to {maker}"]
        TetherAddress "address.tether"
            ["{maker} のテザリングが使う範囲のアドレス {address} があります", "{address} lies in a range used by tethers of {maker}"]
        TetherGateway "address.tether-gateway"
            ["{maker} のテザリングの親機のアドレス {address} を名乗っています", "it claims {address}, the address of a tether of {maker} itself"]
        GatewayAddress "address.gateway"
            ["ゲートウェイのアドレス {address} を名乗っています", "it claims {address}, the address of a gateway"]
        ForeignAddress "address.foreign"
            ["この LAN のものでない送信元 {address} があります", "the source {address} is none of this LAN"]
        GatewayDescription "names.gateway"
            ["自分をインターネットの出口(UPnP IGD)と名乗っています", "it describes itself as an Internet gateway (UPnP)"]
        PhoneHost "names.phone-host"
            ["スマートフォンの名前 {name} を名乗っています", "it announces a phone's name, {name}"]
        PhoneName "names.phone"
            ["スマートフォンの接続確認などの宛先 {name} を求めています({address})", "it asks for {name}, as phones do ({address})"]
        PhoneAgent "http.phone-agent"
            ["スマートフォンの User-Agent で HTTP を話しています({address})", "it speaks HTTP with a phone's agent ({address})"]
        HttpServer "http.server"
            ["端末であるはずの {server} が HTTP で応答しています", "{server}, registered as a client, answers HTTP"]
        ServicePort "http.port"
            ["端末であるはずの {server} が Web またはプロキシーのポートで接続を受けています", "{server}, registered as a client, accepts connections on a web or proxy port"]
        ProxyRequest "http.proxy"
            ["計画にないプロキシー {server} に要求が送られました({form})", "a request for a proxy ({form}) went to {server}, no proxy of the plan"]
        SocksProxy "http.socks"
            ["計画にない SOCKS プロキシー {server} が応じました", "{server}, no proxy of the plan, answers SOCKS"]
        ForwardedField "http.forwarded"
            ["中継の跡({form})のある要求が {address} から出ています", "a request from {address} carries traces of a proxy ({form})"]
        FastAnswer "timing.syn-ack"
            ["サイトの外のサーバー {server} への接続に {microseconds} マイクロ秒で応答がありました({address})", "{address} was answered in {microseconds} µs by {server}, a server outside the site"]
        SessionElsewhere "auth.two-places"
            ["{other} の接続が終わらないうちに、{place} で認証を求めました({at} の記録)", "it asked to come in at {place} before its session at {other} had ended (recorded at {at})"]
        MethodChanged "auth.method"
            ["証明書で接続している {place} で、MAC アドレスだけの認証を求めました({at} の記録)", "it asked to come in by its address alone at {place}, where it was in by its certificate (recorded at {at})"]
        Reconnected "auth.reconnect"
            ["{place} の接続が {other} 秒途切れて戻りました({at} の記録)", "its connection at {place} was gone for {other} s and came back (recorded at {at})"]
        NoSession "l2.no-session"
            ["スイッチの転送表では、認証を受けずに {place} にいます({at} の記録)", "by the switch's table it is at {place} without a session (recorded at {at})"]
        TwoPlaces "l2.two-places"
            ["スイッチの転送表では、{place} と {other} の両方にいます({at} の記録)", "by the switches' tables it is at {place} and at {other} (recorded at {at})"]
    }
}

impl SignKind {
    /// The family.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::HopDistance | Self::RelayedFlow => Family::Hop,
            Self::TtlFamilies
            | Self::StackClasses
            | Self::StackWindows
            | Self::StackVariants
            | Self::AgentMismatch
            | Self::ServerStack
            | Self::PhoneStack
            | Self::TlsMismatch
            | Self::StackChanged
            | Self::TtlChanged => Family::Stack,
            Self::PhoneDhcp | Self::DhcpChanged | Self::ClientMismatch | Self::RogueDhcp => {
                Family::Dhcp
            }
            Self::RogueRa
            | Self::BridgeFrame
            | Self::NeighbourChanged
            | Self::NeighbourSwitch
            | Self::LocalMac
            | Self::NoSession
            | Self::TwoPlaces
            | Self::MakerBlock => Family::Layer2,
            Self::TetherAddress
            | Self::TetherGateway
            | Self::GatewayAddress
            | Self::ForeignAddress => Family::Address,
            Self::GatewayDescription | Self::PhoneHost | Self::PhoneName | Self::ProbeBurst => {
                Family::Names
            }
            Self::PhoneAgent
            | Self::HttpServer
            | Self::ServicePort
            | Self::ServiceAdded
            | Self::ProxyRequest
            | Self::SocksProxy
            | Self::ForwardedField => Family::Http,
            Self::FastAnswer => Family::Timing,
            Self::SessionElsewhere | Self::MethodChanged | Self::Reconnected => Family::Auth,
        }
    }

    /// Whether the service tells it, and no frame shows it.
    #[must_use]
    pub const fn is_told_by_the_service(self) -> bool {
        matches!(
            self,
            Self::SessionElsewhere
                | Self::MethodChanged
                | Self::Reconnected
                | Self::NoSession
                | Self::TwoPlaces
        )
    }

    /// The weight, 0 to 10, in the manner of a log-likelihood.
    #[must_use]
    pub const fn weight(self) -> u8 {
        match self {
            Self::RogueDhcp | Self::RogueRa | Self::BridgeFrame | Self::GatewayAddress => 10,
            Self::PhoneDhcp => 8,
            Self::HopDistance
            | Self::RelayedFlow
            | Self::TtlFamilies
            | Self::StackChanged
            | Self::ProxyRequest
            | Self::SocksProxy => 7,
            Self::StackClasses
            | Self::DhcpChanged
            | Self::ClientMismatch
            | Self::PhoneName
            | Self::HttpServer
            | Self::NeighbourSwitch
            | Self::PhoneAgent
            | Self::ServicePort => 6,
            Self::StackWindows
            | Self::ServerStack
            | Self::TtlChanged
            | Self::NoSession
            | Self::TwoPlaces => 5,
            Self::AgentMismatch
            | Self::PhoneStack
            | Self::NeighbourChanged
            | Self::GatewayDescription
            | Self::ServiceAdded
            | Self::PhoneHost
            | Self::FastAnswer => 4,
            Self::MakerBlock
            | Self::TetherAddress
            | Self::TetherGateway
            | Self::TlsMismatch
            | Self::SessionElsewhere
            | Self::MethodChanged
            | Self::Reconnected
            | Self::ForwardedField => 3,
            Self::LocalMac | Self::ForeignAddress | Self::ProbeBurst => 2,
            Self::StackVariants => 1,
        }
    }

    /// What it may mean, most specific first; empty for what only supports other signs.
    #[must_use]
    pub const fn kinds(self) -> &'static [VerdictKind] {
        use VerdictKind as K;
        match self {
            Self::HopDistance => &[K::Relay, K::Nat],
            Self::RelayedFlow => &[K::Relay],
            Self::TtlFamilies
            | Self::StackClasses
            | Self::StackWindows
            | Self::StackChanged
            | Self::ClientMismatch => &[K::StackMix],
            Self::PhoneStack
            | Self::PhoneDhcp
            | Self::PhoneHost
            | Self::PhoneName
            | Self::PhoneAgent => &[K::Phone],
            Self::RogueDhcp => &[K::RogueDhcp],
            Self::RogueRa | Self::GatewayAddress => &[K::RogueRa],
            Self::BridgeFrame | Self::NeighbourSwitch => &[K::BridgeFrame],
            Self::TetherGateway => &[K::TetherGateway, K::TetherSubnet],
            Self::TetherAddress => &[K::TetherSubnet],
            Self::ForeignAddress => &[K::AddrLeak],
            Self::GatewayDescription => &[K::Nat],
            Self::HttpServer | Self::ServicePort => &[K::HttpServer],
            Self::ProxyRequest | Self::SocksProxy => &[K::Proxy],
            Self::StackVariants
            | Self::AgentMismatch
            | Self::ServerStack
            | Self::TtlChanged
            | Self::TlsMismatch
            | Self::ProbeBurst
            | Self::ServiceAdded
            | Self::DhcpChanged
            | Self::NeighbourChanged
            | Self::LocalMac
            | Self::MakerBlock
            | Self::ForwardedField
            | Self::SessionElsewhere
            | Self::MethodChanged
            | Self::Reconnected
            | Self::NoSession
            | Self::TwoPlaces
            | Self::FastAnswer => &[],
        }
    }
}

/// One sign, with the frame that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// What it is.
    pub kind: SignKind,
    /// Whether it may raise a verdict alone.
    pub hard: bool,
    /// Its weight, 0 to 10.
    pub weight: u8,
    /// Its weight where it was seen, in tenths.
    pub weight_tenths: u32,
    /// The number of the frame.
    pub frame: u64,
    /// The frame's time.
    pub time: CaptureTime,
    /// The address it is about, where it is about one.
    pub address: Option<IpAddr>,
    /// The port of the service it is about, where it is about one.
    pub port: Option<u16>,
    /// What names the change it tells of, where it tells of one.
    pub change: Option<u64>,
    /// What its text wants filled in.
    pub facts: Vec<(&'static str, String)>,
}

impl Sign {
    /// The sign in words.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        self.kind.text().fill(language, &self.facts)
    }

    /// Whether it could mean `kind`.
    #[must_use]
    pub fn may_mean(&self, kind: VerdictKind) -> bool {
        self.kind.kinds().contains(&kind)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn both_languages_want_the_same_facts_and_ids_are_unique() {
        let mut ids = BTreeSet::new();
        for kind in SignKind::ALL {
            assert!(ids.insert(kind.id()), "{} is used twice", kind.id());
            let wants = |language| kind.text().wants(language).collect::<BTreeSet<_>>();
            assert_eq!(wants(Language::Japanese), wants(Language::English), "{}", kind.id());
            assert!(kind.id().split('.').next().is_some_and(|head| {
                head == kind.family().id() || head == "l2" && kind.family() == Family::Layer2
            }));
            assert!(kind.weight() <= 10);
        }
    }
}
