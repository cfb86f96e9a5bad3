//! What a verdict or a notice claims.

use crate::vocabulary::registry;

registry! {
    /// The kinds of verdicts; {subject} is who it is about.
    VerdictKind {
        Relay "relay"
            ["{subject} がほかの機器のパケットを LAN に中継しています", "{subject} relays another device's packets into the LAN"]
        Nat "nat"
            ["{subject} の背後に別の機器があります(アドレス変換)", "other devices stand behind {subject} (address translation)"]
        TetherSubnet "tether-subnet"
            ["{subject} はテザリングのネットワークにいます", "{subject} is in a tether's network"]
        TetherGateway "tether-gateway"
            ["{subject} はテザリングの親機です", "{subject} is the tether itself"]
        Phone "phone"
            ["{subject} はスマートフォンです", "{subject} is a phone"]
        BridgeFrame "bridge-frame"
            ["{subject} の端末用ポートにブリッジまたはスイッチがつながっています", "a bridge or switch stands behind the access port of {subject}"]
        RogueRa "rogue-ra"
            ["{subject} は計画にないルーターとして振る舞っています", "{subject} acts as a router that is not in the plan"]
        RogueDhcp "rogue-dhcp"
            ["{subject} は計画にない DHCP サーバーです", "{subject} is a DHCP server that is not in the plan"]
        Proxy "proxy"
            ["{subject} は計画にないプロキシーです", "{subject} is a proxy that is not in the plan"]
        HttpServer "http-server"
            ["端末であるはずの {subject} が Web サーバーになっています", "{subject}, registered as a client, is a web server"]
        StackMix "stack-mix"
            ["{subject} の背後に複数の OS があります", "several operating systems stand behind {subject}"]
        AddrLeak "addr-leak"
            ["{subject} からこの LAN のものでないアドレスが出ています", "{subject} sends from addresses that are none of this LAN"]
    }
}

impl VerdictKind {
    /// Reads an id.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }

    /// The sub-variants of the attack it fits, as the design numbers them.
    #[must_use]
    pub const fn variants(self) -> &'static [&'static str] {
        match self {
            Self::Relay => &["2b", "3c"],
            Self::Nat => &["2b", "3c", "4a"],
            Self::TetherSubnet | Self::TetherGateway => &["2a", "2b", "3b", "3c"],
            Self::Phone => &["2a", "3b"],
            Self::BridgeFrame => &["2a", "3c"],
            Self::RogueRa | Self::RogueDhcp => &["2b", "3b", "3c"],
            Self::Proxy => &["4a", "5a"],
            Self::HttpServer => &["5a"],
            Self::StackMix => &["2a", "2b", "4a"],
            Self::AddrLeak => &["2a", "2b", "3b", "3c"],
        }
    }
}

registry! {
    /// What is told without being an alarm; {subject} is who it is about.
    NoticeKind {
        LocalNat "local-nat"
            ["{subject} では仮想マシンがアドレス変換を使っているようです", "a virtual machine on {subject} seems to be translated"]
        FleetDrift "fleet-drift"
            ["{count} 台が一日のうちに同じように変わりました({one} から {other} へ、最後は {subject})。更新と見なし、兆候にしません", "{count} stations changed in the same way within a day (from {one} to {other}, the last was {subject}); this counts as an update and raises no signs"]
        ChangesBeyond "changes-beyond"
            ["{subject} の未承認の変化が上限に達しました。これ以上の変化は兆候として知らせますが、承認待ちには残りません", "as many changes of {subject} wait for a person as are kept; more are told as signs and cannot be accepted"]
        UnplannedDhcp "unplanned-dhcp"
            ["{subject} が DHCP で応答しています。計画がないため正しいかどうかは判定できません", "{subject} answers DHCP; without a plan there is no telling whether it should"]
        UnplannedRouter "unplanned-router"
            ["{subject} がルーターと名乗っています。計画がないため正しいかどうかは判定できません", "{subject} says to be a router; without a plan there is no telling whether it should"]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::vocabulary::Language;

    #[test]
    fn both_languages_want_the_same_facts_and_ids_are_unique() {
        let mut ids = BTreeSet::new();
        let verdicts = VerdictKind::ALL.iter().map(|kind| (kind.id(), kind.text()));
        for (id, text) in verdicts {
            assert!(ids.insert(id), "{id} is used twice");
            assert!(text.wants(Language::Japanese).eq(["subject"]));
            assert!(text.wants(Language::English).eq(["subject"]));
        }
        for kind in NoticeKind::ALL {
            assert!(ids.insert(kind.id()), "{} is used twice", kind.id());
            let wants = |language| kind.text().wants(language).collect::<BTreeSet<_>>();
            assert_eq!(wants(Language::Japanese), wants(Language::English), "{}", kind.id());
            assert!(wants(Language::English).contains("subject"));
        }
        assert!(VerdictKind::ALL.iter().all(|kind| VerdictKind::parse(kind.id()) == Some(*kind)));
    }
}
