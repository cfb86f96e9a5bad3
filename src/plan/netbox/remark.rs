//! Everything there is to say about an export: its id, its group, and its text.

use super::json::Source;
use crate::vocabulary::{Language, Text, registry};

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The export cannot be read in part or whole.
    Invalid,
    /// NetBox has what the topology lacks.
    Missing,
    /// Both have it, and say different things.
    Differs,
    /// The topology has what NetBox lacks.
    Unknown,
    /// What was left out of the comparison, and why.
    Notice,
}

impl Group {
    /// Every group, in the order they are told.
    pub const ALL: &'static [Self] =
        &[Self::Invalid, Self::Missing, Self::Differs, Self::Unknown, Self::Notice];

    /// The word by which `--json` calls it.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Missing => "missing",
            Self::Differs => "differs",
            Self::Unknown => "unknown",
            Self::Notice => "notices",
        }
    }

    /// Its heading.
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::Invalid => Text { ja: "不正", en: "invalid" },
            Self::Missing => {
                Text { ja: "NetBox にあり設定に無い", en: "in NetBox, not in the files" }
            }
            Self::Differs => Text { ja: "相違", en: "different" },
            Self::Unknown => {
                Text { ja: "設定にあり NetBox に無い", en: "in the files, not in NetBox" }
            }
            Self::Notice => Text { ja: "参考", en: "notices" },
        }
    }
}

registry! {
    /// The kinds of remark.
    RemarkKind {
        // The export.
        NotJson "netbox.not-json" ["JSON として読めません: {cause}", "this is not JSON: {cause}"]
        KindUnknown "netbox.kind-unknown" ["何の一覧か分かりません。ファイル名を sites、devices、interfaces、vlans、prefixes、cables のどれかにするか、その名前を項目とする一つのオブジェクトにしてください", "it does not show what it lists; name the file sites, devices, interfaces, vlans, prefixes or cables, or make it one object with those keys"]
        WrongType "netbox.wrong-type" ["{expected} でなければなりませんが {found} です", "expected {expected}, found {found}"]
        FieldMissing "netbox.field-missing" ["値がありません", "there is no value"]
        ValueBad "netbox.bad-value" ["`{value}` を {expected} として読めません", "`{value}` is no {expected}"]
        TooLong "netbox.too-long" ["{max} 文字を超えています", "it is longer than {max} characters"]
        TooMany "netbox.too-many" ["{max} 件を超えるため、残りは読んでいません", "there are more than {max}; the rest was not read"]
        Dangling "netbox.dangling" ["{what} #{id} はどのファイルにもありません", "{what} #{id} is in none of the files"]
        ModeUnsupported "netbox.mode-unsupported" ["モード {mode} は扱えません", "the mode {mode} cannot be compared"]
        NameTwice "netbox.name-twice" ["`{switch}` という機器が {other} にもあります", "another device is called `{switch}`: {other}"]
        Truncated "netbox.truncated" ["{what} は全 {count} 件のうち {read} 件しかありません。次のページ(next)も取得し、一緒に渡してください", "only {read} of {count} {what} are there; fetch the following pages (`next`) too and hand them in together"]

        // What the topology lacks.
        SiteMissing "netbox.site-missing" ["拠点 `{site}`({name})が topology/ にありません", "topology/ has no site `{site}` ({name})"]
        SwitchMissing "netbox.switch-missing" ["スイッチ `{switch}`(拠点 {site}、{role}、{model})が topology/ にありません", "topology/ has no switch `{switch}` (site {site}, {role}, {model})"]
        PortMissing "netbox.port-missing" ["スイッチ `{switch}` のポート {ports} が topology/ にありません", "topology/ has no port {ports} on switch `{switch}`"]
        LinkMissing "netbox.link-missing" ["リンク {one} — {other} が topology/network.toml にありません", "topology/network.toml has no link {one} — {other}"]
        VlanUnknown "netbox.vlan-unknown" ["VLAN {vlan}({name})はどの環境にも属していません。どの環境のものかは environments.toml で決めます", "VLAN {vlan} ({name}) belongs to no environment; which one is for environments.toml to say"]

        // What differs.
        SiteName "netbox.site-name" ["拠点 `{site}` の名前: NetBox は {netbox}、設定は {plan}", "name of site `{site}`: {netbox} in NetBox, {plan} in the files"]
        SwitchSite "netbox.switch-site" ["スイッチ `{switch}` の拠点: NetBox は {netbox}、設定は {plan}", "site of switch `{switch}`: {netbox} in NetBox, {plan} in the files"]
        SwitchRole "netbox.switch-role" ["スイッチ `{switch}` の役割: NetBox は {netbox}、設定は {plan}", "role of switch `{switch}`: {netbox} in NetBox, {plan} in the files"]
        SwitchModel "netbox.switch-model" ["スイッチ `{switch}` の機種: NetBox は {netbox}、設定は {plan}", "model of switch `{switch}`: {netbox} in NetBox, {plan} in the files"]
        SwitchSerial "netbox.switch-serial" ["スイッチ `{switch}` の製造番号: NetBox は {netbox}、設定は {plan}", "serial number of switch `{switch}`: {netbox} in NetBox, {plan} in the files"]
        SwitchAddress "netbox.switch-address" ["スイッチ `{switch}` のアドレス: NetBox は {netbox}、設定は {plan}", "address of switch `{switch}`: {netbox} in NetBox, {plan} in the files"]
        SwitchStack "netbox.switch-stack" ["スイッチ `{switch}` のスタック台数: NetBox は {netbox}、設定は {plan}", "units of switch `{switch}`: {netbox} in NetBox, {plan} in the files"]
        SwitchStatus "netbox.switch-status" ["スイッチ `{switch}` は NetBox では {status} です", "switch `{switch}` is {status} in NetBox"]
        PortUse "netbox.port-use" ["{port} の使い方: NetBox は {netbox}、設定は {plan}", "use of {port}: {netbox} in NetBox, {plan} in the files"]
        TrunkVlans "netbox.trunk-vlans" ["幹線 {port} の VLAN: NetBox だけ {more}、設定だけ {less}", "VLANs of trunk {port}: only in NetBox {more}, only in the files {less}"]
        NativeVlan "netbox.native-vlan" ["幹線 {port} のタグ無し VLAN: NetBox は {netbox}、設定は {plan}", "untagged VLAN of trunk {port}: {netbox} in NetBox, {plan} in the files"]
        PortVlan "netbox.port-vlan" ["{port} の VLAN: NetBox は {netbox}、設定は {plan}", "VLAN of {port}: {netbox} in NetBox, {plan} in the files"]
        EndsDiffer "netbox.ends-differ" ["NetBox の中で両端の VLAN が違います: {one} は {left}、{other} は {right}", "NetBox has different VLANs at both ends: {left} at {one}, {right} at {other}"]
        LinkElsewhere "netbox.link-elsewhere" ["{end} の接続先: NetBox は {netbox}、設定は {plan}", "{end} leads to {netbox} in NetBox, to {plan} in the files"]
        LinkMedium "netbox.link-medium" ["リンク `{link}` の媒体: NetBox は {netbox}、設定は {plan}", "medium of link `{link}`: {netbox} in NetBox, {plan} in the files"]
        LinkBundle "netbox.link-bundle" ["リンク `{link}` の束(LAG): NetBox は {netbox}、設定は {plan}", "bundle (LAG) of link `{link}`: {netbox} in NetBox, {plan} in the files"]
        VlanName "netbox.vlan-name" ["VLAN {vlan} の名前: NetBox は {netbox}、設定は {plan}", "name of VLAN {vlan}: {netbox} in NetBox, {plan} in the files"]
        VlanPrefix "netbox.vlan-prefix" ["VLAN {vlan} の範囲: NetBox は {netbox}、設定は {plan}", "prefix of VLAN {vlan}: {netbox} in NetBox, {plan} in the files"]

        // What NetBox does not know.
        SiteAbsent "netbox.site-absent" ["拠点 `{site}`", "site `{site}`"]
        SwitchAbsent "netbox.switch-absent" ["スイッチ `{switch}`", "switch `{switch}`"]
        PortsAbsent "netbox.ports-absent" ["スイッチ `{switch}` のポート {ports}", "ports {ports} of switch `{switch}`"]
        TrunksAbsent "netbox.trunk-vlans-absent" ["スイッチ `{switch}` の幹線 {ports} の VLAN(モード無し)", "VLANs of the trunks {ports} of switch `{switch}` (they have no mode)"]
        LinkAbsent "netbox.link-absent" ["リンク `{link}`({one} — {other})", "link `{link}` ({one} — {other})"]
        VlanAbsent "netbox.vlan-absent" ["VLAN {vlan}({name})", "VLAN {vlan} ({name})"]

        // What was left out.
        KeyUnused "netbox.key-unused" ["`{key}` は使いません", "`{key}` is not used"]
        RoleUnknown "netbox.role-unknown" ["役割 `{role}` の機器 {count} 台は比べていません。スイッチなら --role {role}=access のように指定してください", "{count} devices of the role `{role}` were left out; if they are switches, say so as --role {role}=access"]
        NotInService "netbox.not-in-service" ["`{switch}` は {status} のため提案しません", "`{switch}` is {status} and not proposed"]
        CablesElsewhere "netbox.cables-elsewhere" ["スイッチのポート同士をつながないケーブル {count} 本は比べていません(パネル経由の接続は、インターフェースの connected_endpoints で比べます)", "{count} cables that do not join ports of switches were left out (what passes panels is compared by the interfaces' connected_endpoints)"]
        CablesPlanned "netbox.cables-planned" ["接続済み(connected)でないケーブル {count} 本は比べていません", "{count} cables that are not connected were left out"]
    }
}

impl RemarkKind {
    /// What it is about.
    #[must_use]
    pub const fn group(self) -> Group {
        match self {
            Self::NotJson
            | Self::KindUnknown
            | Self::WrongType
            | Self::FieldMissing
            | Self::ValueBad
            | Self::TooLong
            | Self::TooMany
            | Self::Dangling
            | Self::ModeUnsupported
            | Self::NameTwice
            | Self::Truncated => Group::Invalid,
            Self::SiteMissing
            | Self::SwitchMissing
            | Self::PortMissing
            | Self::LinkMissing
            | Self::VlanUnknown => Group::Missing,
            Self::SiteName
            | Self::SwitchSite
            | Self::SwitchRole
            | Self::SwitchModel
            | Self::SwitchSerial
            | Self::SwitchAddress
            | Self::SwitchStack
            | Self::SwitchStatus
            | Self::PortUse
            | Self::TrunkVlans
            | Self::NativeVlan
            | Self::PortVlan
            | Self::EndsDiffer
            | Self::LinkElsewhere
            | Self::LinkMedium
            | Self::LinkBundle
            | Self::VlanName
            | Self::VlanPrefix => Group::Differs,
            Self::SiteAbsent
            | Self::SwitchAbsent
            | Self::PortsAbsent
            | Self::TrunksAbsent
            | Self::LinkAbsent
            | Self::VlanAbsent => Group::Unknown,
            Self::KeyUnused
            | Self::RoleUnknown
            | Self::NotInService
            | Self::CablesElsewhere
            | Self::CablesPlanned => Group::Notice,
        }
    }
}

/// Something to say, and about which object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What.
    pub kind: RemarkKind,
    /// The object of the export; `None` when no single one is meant.
    pub at: Option<Source>,
    /// The field of the object, or empty.
    pub field: String,
    /// What the text wants filled in.
    pub facts: Vec<(&'static str, String)>,
}

impl Remark {
    /// A remark without facts.
    #[must_use]
    pub(super) const fn new(kind: RemarkKind, at: Option<Source>) -> Self {
        Self { kind, at, field: String::new(), facts: Vec::new() }
    }

    /// Names the field.
    #[must_use]
    pub(super) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// Adds a fact.
    #[must_use]
    pub(super) fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    /// What it says, for an operator.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        self.kind.text().fill(language, &self.facts)
    }

    /// Where it is, as `devices.json: interfaces[12].untagged_vlan (#345)`; empty when nowhere.
    #[must_use]
    pub fn place(&self) -> String {
        let Some(at) = &self.at else { return String::new() };
        let id = at.id.map(|id| format!(" (#{id})")).unwrap_or_default();
        let parts = [at.object(), self.field.clone()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let object = parts.join(".");
        let colon = if object.is_empty() { "" } else { ": " };
        format!("{}{colon}{object}{id}", at.file)
    }
}
