//! What is brought in: attacks by sub-variant, what no wire shows, evasions, and traps that look
//! like attacks and are none.

use crate::sensor::VerdictKind;
use crate::vocabulary::Text;

/// What a story is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// An attack that the wire shows, wholly or in part.
    Attack,
    /// An attack none of whose frames need cross the wire, or that only the forwarding table shows.
    Unseen,
    /// An attack by somebody who knows the sensor.
    Evasion,
    /// What looks like an attack and is none.
    Trap,
}

impl Group {
    /// The id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Attack => "attack",
            Self::Unseen => "unseen",
            Self::Evasion => "evasion",
            Self::Trap => "trap",
        }
    }
}

told! {
    /// A story; ids begin with the sub-variant.
    Story
    BridgeAndroid "2a-android" "無線ブリッジ経由で Android が LAN に入る" "an Android joins by a wireless bridge"
    BridgeIphone "2a-iphone" "無線ブリッジ経由で iPhone が LAN に入る" "an iPhone joins by a wireless bridge"
    Router "2b-router" "持ち込みルーターの背後に PC と Android" "a router with a PC and an Android behind it"
    RouterCloned "2b-cloned" "PC の MAC を写したルーターの背後に PC と iPhone" "a router with a PC's MAC, the PC and an iPhone behind it"
    RouterTravel "2b-travel" "黙った小型ルーターの背後に PC 一台" "a quiet travel router with one PC behind it"
    Inline "2c-inline" "MAC と IP を写した透過の箱が、ときどき自分で話す" "a transparent box with a PC's MAC and address that now and then speaks itself"
    Android "3b-android" "USB-LAN アダプターで有線につないだ Android" "an Android on a USB-LAN adapter"
    Iphone "3b-iphone" "USB-LAN アダプターで有線につないだ iPhone" "an iPhone on a USB-LAN adapter"
    TetherServer "3b-server" "有線テザリングの親機になった Android" "an Android that is a tether by wire"
    Sharing "3c-sharing" "テザリングを共有する PC(ICS)" "a PC that shares its tether (ICS)"
    Bridging "3c-bridge" "テザリングと LAN をブリッジする PC" "a PC that bridges its tether and the LAN"
    Proxy "4a-proxy" "PC の前に挟んだスマートフォンの透過プロキシー" "a phone before a PC, with a transparent proxy"
    PhoneServer "5a-phone" "LAN につながったスマートフォンの Apache" "Apache on a phone that is on the LAN"
    WebServer "5a-web" "A(マイナンバー系)の端末で Apache が動く" "Apache on a PC of A (My Number)"
    WebProxy "5a-proxy" "A(マイナンバー系)の端末がプロキシーになる" "a PC of A (My Number) is a proxy"
    Wireless "1b-wifi" "有線の PC が別に Wi-Fi にもつながる(副作用だけ)" "a wired PC joins a hotspot as well (side effects alone)"
    Leaving "1c-leaves" "PC が有線を抜けてテザリングに移る" "a PC leaves the wire for a tether"
    Usb "3a-usb" "使用中の PC に USB テザリング(副作用だけ)" "a USB tether at a PC in use (side effects alone)"
    BridgeNotebook "2a-notebook" "無線ブリッジ経由で未登録の Windows が入る(転送表で見つける)" "an unregistered Windows joins by a wireless bridge (the forwarding table tells)"
    WebServerElsewhere "5a-web-elsewhere" "B・C の端末で Apache が動く(設計上、監視対象まで)" "Apache on a PC of B or C (watched only, by design)"
    WebProxyElsewhere "5a-proxy-elsewhere" "B・C の端末がプロキシーになる(設計上、監視対象まで)" "a PC of B or C is a proxy (watched only, by design)"
    TtlReset "2b-ttl-reset" "TTL を書き直すルーター" "a router that rewrites the TTL"
    Slow "2b-slow" "一分に一つしか話さない PC の前のルーター" "a router before a PC that speaks once a minute"
    RouterPosing "2b-posing" "Windows を名乗って DHCP を求めるルーター" "a router that asks for its address as Windows does"
    DhcpCloned "3b-dhcp-cloned" "Windows を名乗って DHCP を求めるスマートフォン" "a phone that asks for its address as Windows does"
    MacCloned "3b-mac-cloned" "登録された PC の MAC を名乗るスマートフォン" "a phone with the MAC of a registered PC"
    PrinterCloned "3b-printer-cloned" "プリンターの MAC を名乗る Windows" "a Windows with the MAC of a printer"
    Scrambled "3b-syn-scrambled" "SYN のオプションを変え DHCP も偽るスマートフォン" "a phone with SYN options and DHCP of its own making"
    Night "3b-night" "夜まで黙っているスマートフォン" "a phone that is silent until the night"
    Encrypted "4a-https-only" "平文を一切流さない透過プロキシー" "a transparent proxy that carries nothing in the clear"
    Forged "4a-syn-forged" "Windows の SYN と TTL を真似る透過プロキシー" "a transparent proxy that imitates Windows' SYN and TTL"
    Guest "trap-vm-nat" "PC の中の仮想マシン(NAT)" "a virtual machine behind its PC (NAT)"
    Leak "trap-vm-subnet" "仮想ネットワークの 192.168.43.1 が漏れる PC" "a PC whose virtual network leaks 192.168.43.1"
    Controller "trap-controller" "LAN を共有する管理コントローラー" "a management controller that shares the network card"
    Boot "trap-pxe" "ネットワークブートで入れ直される PC" "a PC installed by network boot"
    Adapter "trap-adapter" "USB-LAN アダプターを使い回すノート PC" "notebooks that share a USB-LAN adapter"
    CityProxy "trap-city-proxy" "市のプロキシーを通る PC" "a PC that goes by the city's proxy"
    Signage "trap-android-panel" "登録された Android の表示装置" "a registered Android display"
}

/// Whom a story takes of those who are registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Nobody,
    Pc,
    Printer,
}

impl Story {
    /// What it is counted as.
    #[must_use]
    pub const fn group(self) -> Group {
        use Story as S;
        match self {
            S::Wireless | S::Leaving | S::Usb | S::BridgeNotebook => Group::Unseen,
            S::WebServerElsewhere | S::WebProxyElsewhere => Group::Unseen,
            S::TtlReset | S::Slow | S::RouterPosing | S::DhcpCloned | S::MacCloned => {
                Group::Evasion
            }
            S::PrinterCloned | S::Scrambled | S::Night | S::Encrypted | S::Forged => Group::Evasion,
            S::Guest | S::Leak | S::Controller | S::Boot => Group::Trap,
            S::Adapter | S::CityProxy | S::Signage => Group::Trap,
            S::BridgeAndroid | S::BridgeIphone | S::Router | S::RouterCloned => Group::Attack,
            S::RouterTravel | S::Inline | S::Android | S::Iphone => Group::Attack,
            S::TetherServer | S::Sharing | S::Bridging | S::Proxy => Group::Attack,
            S::PhoneServer | S::WebServer | S::WebProxy => Group::Attack,
        }
    }

    /// The sub-variant, where it is an attack.
    #[must_use]
    pub fn variant(self) -> Option<&'static str> {
        self.id().get(..2).filter(|_| self.group() != Group::Trap)
    }

    /// Whom it takes.
    pub(super) const fn takes(self) -> Part {
        use Story as S;
        match self {
            S::Leaving | S::Wireless | S::Usb | S::Inline | S::RouterCloned => Part::Pc,
            S::MacCloned | S::Proxy | S::Encrypted | S::Forged | S::Sharing => Part::Pc,
            S::Bridging | S::WebServer | S::WebProxy | S::WebServerElsewhere => Part::Pc,
            S::WebProxyElsewhere | S::Guest | S::Leak | S::Controller | S::Boot => Part::Pc,
            S::PrinterCloned | S::Signage => Part::Printer,
            S::BridgeAndroid | S::BridgeIphone | S::BridgeNotebook | S::Router => Part::Nobody,
            S::RouterTravel | S::Android | S::Iphone | S::TetherServer => Part::Nobody,
            S::PhoneServer | S::TtlReset | S::Slow | S::RouterPosing => Part::Nobody,
            S::DhcpCloned | S::Scrambled | S::Night | S::Adapter | S::CityProxy => Part::Nobody,
        }
    }

    /// Whether whom it takes goes off the wire; a real printer stays beside its copy.
    pub(super) const fn replaces(self) -> bool {
        use Story as S;
        matches!(
            self,
            S::RouterCloned
                | S::MacCloned
                | S::Proxy
                | S::Encrypted
                | S::Forged
                | S::Boot
                | S::Signage
        )
    }

    /// Whether it is told in that environment: A, B, C from 0.
    pub(super) const fn is_told_in(self, environment: usize) -> bool {
        match self {
            Self::WebServer | Self::WebProxy => environment == 0,
            Self::WebServerElsewhere | Self::WebProxyElsewhere => environment != 0,
            _ => true,
        }
    }

    /// Whether every frame of those brought in belongs to it; else only what a visitor asks for.
    pub(super) const fn is_shown_by_frames(self) -> bool {
        use Story as S;
        !matches!(
            self,
            S::WebServer
                | S::WebProxy
                | S::WebServerElsewhere
                | S::WebProxyElsewhere
                | S::Controller
        )
    }

    /// What a verdict about it may claim; none for a trap.
    #[must_use]
    pub const fn kinds(self) -> &'static [VerdictKind] {
        use Story as S;
        use VerdictKind as K;
        match self {
            S::BridgeAndroid | S::BridgeIphone | S::Android | S::Iphone => &[K::Phone],
            S::DhcpCloned | S::MacCloned | S::Scrambled | S::Night => &[K::Phone, K::StackMix],
            S::Router
            | S::RouterCloned
            | S::RouterTravel
            | S::TtlReset
            | S::Slow
            | S::RouterPosing => &[K::Nat, K::Relay, K::StackMix, K::Phone],
            S::Inline => &[K::Nat, K::StackMix],
            S::TetherServer => &[K::RogueDhcp, K::RogueRa],
            S::Sharing => &[K::RogueDhcp, K::TetherGateway, K::TetherSubnet, K::Nat, K::Relay],
            S::Bridging => &[K::BridgeFrame],
            S::Proxy | S::Encrypted | S::Forged => &[K::Nat, K::Proxy, K::StackMix, K::Phone],
            S::PhoneServer => &[K::Phone, K::HttpServer],
            S::WebServer | S::WebServerElsewhere => &[K::HttpServer],
            S::WebProxy | S::WebProxyElsewhere => &[K::Proxy, K::HttpServer],
            S::PrinterCloned => &[K::StackMix],
            S::Wireless | S::Leaving | S::Usb | S::BridgeNotebook => &[K::Tripwire],
            S::Guest | S::Leak | S::Controller | S::Boot => &[],
            S::Adapter | S::CityProxy | S::Signage => &[],
        }
    }
}
