//! The registry of reasons: why a device was admitted, quarantined or refused.
//!
//! An id once published keeps its meaning; it is what logs are searched by and what metrics
//! are labelled with.

use std::fmt::Display;

use smallvec::SmallVec;

use super::{DeviceIndex, Fact, GrantIndex, Language, RuleIndex, Text, Timestamp};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Into its own environment.
    Admit,
    /// Into the quarantine environment.
    Quarantine,
    /// Nothing.
    Refuse,
}

impl Outcome {
    /// The stable id: `admit`, `quarantine` or `refuse`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Quarantine => "quarantine",
            Self::Refuse => "refuse",
        }
    }
}

/// A decision's justification: the reason, the evidence it rests on, and the facts to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// Why.
    pub reason: Reason,
    /// The policy rule that spoke, where one did.
    pub rule: Option<RuleIndex>,
    /// The registered device that the evidence names, where it names one.
    pub device: Option<DeviceIndex>,
    /// The admission grant that applied, where one did.
    pub grant: Option<GrantIndex>,
    /// What the reason's texts want filled in.
    pub facts: SmallVec<[(&'static str, Fact); 2]>,
}

impl Because {
    /// A justification with nothing but a reason.
    #[must_use]
    pub const fn new(reason: Reason) -> Self {
        Self { reason, rule: None, device: None, grant: None, facts: SmallVec::new_const() }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Display) -> Self {
        self.facts.push((name, Fact::word(value)));
        self
    }

    /// Adds a day.
    #[must_use]
    pub fn day(mut self, name: &'static str, time: Timestamp) -> Self {
        self.facts.push((name, Fact::Day(time)));
        self
    }

    /// What happened, for an operator.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        self.reason.text().tell(language, &self.facts)
    }

    /// The same, appended to a text.
    pub fn tell_to(&self, language: Language, text: &mut String) {
        self.reason.text().tell_to(language, &self.facts, text);
    }

    /// What would have to change, for an operator.
    #[must_use]
    pub fn remedy(&self, language: Language) -> String {
        self.reason.remedy().tell(language, &self.facts)
    }
}

/// Declares the reasons: variant, id, what happened (ja, en), what to change (ja, en).
macro_rules! reasons {
    ($($name:ident $id:literal [$ja:literal, $en:literal] [$remedy_ja:literal, $remedy_en:literal])*) => {
        /// Why a decision was as it was.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $en] $name,)*
        }

        impl Reason {
            /// Every reason, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable id, `family.word`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// What happened.
            #[must_use]
            pub const fn text(self) -> Text {
                match self { $(Self::$name => Text { ja: $ja, en: $en },)* }
            }

            /// What would have to change for another answer.
            #[must_use]
            pub const fn remedy(self) -> Text {
                match self { $(Self::$name => Text { ja: $remedy_ja, en: $remedy_en },)* }
            }
        }
    };
}

reasons! {
    Admitted "policy.admitted"
        ["規則 {rule} により環境 {environment} に許可しました。", "admitted to environment {environment} by rule {rule}"]
        ["変更は不要です。", "nothing needs to change"]
    GrantAdmitted "grant.admitted"
        ["一時許可 {grant} により環境 {environment} に許可しました({until} まで)。", "admitted to environment {environment} by grant {grant} until {until}"]
        ["変更は不要です。", "nothing needs to change"]
    RuleQuarantined "policy.quarantined"
        ["規則 {rule} により隔離しました。", "quarantined by rule {rule}"]
        ["意図しない場合は policy.toml の規則 {rule} を見直してください。", "if this is not intended, review rule {rule} in policy.toml"]
    RuleRefused "policy.refused"
        ["規則 {rule} により拒否しました。", "refused by rule {rule}"]
        ["意図しない場合は policy.toml の規則 {rule} を見直してください。", "if this is not intended, review rule {rule} in policy.toml"]
    FilterUnsupported "policy.filter-unsupported"
        ["規則 {rule} のフィルターを、このスイッチのプロファイル {profile} では送れないため拒否しました。", "refused because profile {profile} cannot carry the filter that rule {rule} demands"]
        ["プロファイルの reply.filter を確認するか、規則の対象からこのスイッチを外してください。", "check reply.filter in the profile, or keep the rule from this switch"]
    NoRule "policy.no-rule"
        ["該当する規則がないため拒否しました。", "refused because no rule matches"]
        ["この端末区分・認証方式・場所に対する規則を policy.toml に追加してください。", "add a rule for this class, method and place to policy.toml"]
    Marked "mark.refuse"
        ["拒否の指示が出ています: {why}(指示者 {by})。", "a mark demands refusal: {why} (set by {by})"]
        ["確認後、release で解除してください。", "release the mark after checking"]
    MarkedQuarantine "mark.quarantine"
        ["隔離の指示が出ています: {why}(指示者 {by})。", "a mark demands quarantine: {why} (set by {by})"]
        ["確認後、release で解除してください。", "release the mark after checking"]
    DeviceUnknown "device.unknown"
        ["登録されていない端末です(MAC {mac})。", "the device is not registered (MAC {mac})"]
        ["登録する端末であれば inventory.csv に MAC アドレスを追加してください。", "if it belongs here, add its MAC address to inventory.csv"]
    DeviceUnknownRandom "device.unknown-random-mac"
        ["登録されていない端末です(MAC {mac} はランダム化されたアドレスです)。", "the device is not registered (MAC {mac} is a randomised address)"]
        ["端末のプライベートアドレス機能を切ってから登録してください。", "turn off the device's private address feature, then register it"]
    CertificateUnknown "certificate.no-device"
        ["証明書は有効ですが、対応する端末が台帳にありません({identity})。", "the certificate is valid but names no registered device ({identity})"]
        ["台帳の証明書識別名を確認するか、証明書を失効させてください。", "check the certificate identity in the inventory, or revoke the certificate"]
    CertificateAmbiguous "certificate.two-devices"
        ["証明書が複数の端末を指しています({identity})。", "the certificate names more than one device ({identity})"]
        ["証明書の SAN を一台分にして再発行してください。", "reissue the certificate with the names of one device"]
    CertificateOtherMac "certificate.other-mac"
        ["証明書は {device} のものですが、MAC {mac} はこの端末の登録ではありません。", "the certificate belongs to {device}, but MAC {mac} is not registered for it"]
        ["証明書の複製を疑って端末を確認してください。アダプターを替えた場合は台帳に MAC を追加してください。", "check the device for a copied certificate; if its adapter was replaced, add the MAC to the inventory"]
    CertificateMissing "certificate.required"
        ["{device} は証明書による認証が必要ですが、MAC アドレスだけで要求されました。", "{device} must present its certificate but only its MAC address was offered"]
        ["端末の 802.1X 設定と証明書を確認してください。", "check the device's 802.1X settings and certificate"]
    CertificateAuthority "certificate.wrong-authority"
        ["環境 {environment} で認められていない認証局の証明書です({issuer})。", "environment {environment} does not accept certificates of {issuer}"]
        ["正しい認証局で再発行するか environments.toml の authorities を確認してください。", "reissue it by the right authority, or check authorities in environments.toml"]
    CertificateExpired "certificate.expired"
        ["証明書の有効期限が切れています({until})。", "the certificate has expired ({until})"]
        ["情報政策課で証明書を更新してください。", "renew the certificate"]
    CertificateNotYetValid "certificate.not-yet-valid"
        ["証明書の有効期間がまだ始まっていません({from} から)。", "the certificate is not valid yet (from {from})"]
        ["端末とサーバの時計、証明書の発行日を確認してください。", "check the clocks and the certificate's start date"]
    CertificateRevoked "certificate.revoked"
        ["証明書は失効済みです。", "the certificate has been revoked"]
        ["失効が正しければ端末を回収し、誤りなら証明書を再発行してください。", "if that is right, collect the device; otherwise issue a new certificate"]
    CertificateUntrusted "certificate.untrusted"
        ["信頼していない認証局の証明書、または署名が正しくない証明書です。", "the certificate's issuer is not trusted or its signature is wrong"]
        ["市の認証局の証明書を端末に入れてください。", "install a certificate of the city's authority"]
    CertificateUsage "certificate.wrong-usage"
        ["証明書の用途がクライアント認証ではありません。", "the certificate is not meant for client authentication"]
        ["拡張鍵用途 clientAuth の証明書を発行してください。", "issue a certificate with the clientAuth extended key usage"]
    CertificateRevocationUnknown "certificate.revocation-unknown"
        ["失効リストがないか古いため、証明書の状態を確認できません。", "the certificate's status is unknown: its CRL is missing or stale"]
        ["認証局の CRL を更新してください。", "update the authority's CRL"]
    CertificateAbsent "certificate.absent"
        ["端末が証明書を提示しませんでした。", "the peer presented no certificate"]
        ["端末に証明書を入れ、802.1X の設定で選んでください。", "install a certificate on the device and select it in its 802.1X settings"]
    CertificateMalformed "certificate.malformed"
        ["証明書を読み取れません。", "the certificate cannot be read"]
        ["証明書を再発行してください。", "reissue the certificate"]
    EnvironmentNotServed "place.environment-not-served"
        ["この場所({place})では環境 {environment} を提供していません。", "{place} does not serve environment {environment}"]
        ["別の場所で接続するか、site.toml の assign を確認してください。", "connect elsewhere, or check assign in site.toml"]
    PlaceUnexpected "place.unexpected"
        ["この端末は別の場所での登録です(登録: {registered} / 接続: {place})。", "the device is registered for another place (registered: {registered}, seen: {place})"]
        ["移設したのであれば台帳の設置場所を変更してください。", "if it was moved, change its place in the inventory"]
    PlaceUnknown "place.unknown-port"
        ["スイッチが示したポートが topology にありません({place})。", "the switch named a port that the topology does not have ({place})"]
        ["site.toml のポート名とプロファイルの port.decode を確認してください。", "check the port names in site.toml and port.decode in the profile"]
    PlaceNotAccess "place.not-an-access-port"
        ["{place} は認証ポートではありません。", "{place} is not an authenticated port"]
        ["スイッチの設定と site.toml のポートの役割を合わせてください。", "make the switch's configuration and the port's role in site.toml agree"]
    PlaceOtherVlan "place.fixed-vlan-of-other-environment"
        ["{place} の固定 VLAN は環境 {environment} のものではありません。", "the fixed VLAN of {place} does not belong to environment {environment}"]
        ["ポートの VLAN を変更するか、別のポートに接続してください。", "change the port's VLAN or use another port"]
    WirelessMac "wireless.mac-only"
        ["無線では MAC アドレスだけの認証は認めません。", "over wireless a MAC address alone is never enough"]
        ["証明書で認証してください。", "use a certificate"]
    WirelessForbidden "wireless.forbidden"
        ["環境 {environment} の無線利用は認められていません(版 {edition})。", "environment {environment} may not be used over wireless (edition {edition})"]
        ["有線で接続してください。", "use a wired port"]
    WirelessFromWired "wireless.not-a-controller"
        ["有線のスイッチ {switch} から無線の要求が来ました(NAS-Port-Type)。", "the wired switch {switch} says that the device is on wireless (NAS-Port-Type)"]
        ["スイッチの NAS-Port-Type を Ethernet(15)にするか、site.toml に ssid を書いてください。", "set NAS-Port-Type to Ethernet (15) on the switch, or list its ssid in site.toml"]
    WirelessNetworkUnknown "wireless.unknown-ssid"
        ["登録されていない無線ネットワークです({ssid})。", "the wireless network {ssid} is not registered"]
        ["site.toml の ssids を確認してください。", "check ssids in site.toml"]
    WirelessOtherEnvironment "wireless.environment-not-served"
        ["SSID {ssid} では環境 {environment} を提供していません。", "SSID {ssid} does not serve environment {environment}"]
        ["環境に合った SSID に接続してください。", "connect to the SSID of that environment"]
    AccessPointUnknown "wireless.unknown-access-point"
        ["登録されていないアクセスポイントです({access_point})。", "the access point {access_point} is not registered"]
        ["正規の機器であれば site.toml の access_points に追加してください。", "if it is genuine, add it to access_points in site.toml"]
    MacAuthenticationNotAllowed "mac.not-allowed"
        ["端末区分 {class} は MAC アドレスだけでは認証できません。", "class {class} may not be admitted by MAC address alone"]
        ["証明書を発行してください。", "issue a certificate"]
    MacException "mac.no-exception"
        ["{device} を MAC アドレスだけで認証する有効な例外がありません。", "{device} has no exception in force for admission by MAC address alone"]
        ["証明書を発行するか、期限付きの例外を exceptions.toml に登録してください。", "issue a certificate, or register a dated exception in exceptions.toml"]
    MacNotPinned "mac.not-pinned"
        ["{device} は設置場所(ポート)が登録されていないため MAC アドレスだけでは認証できません。", "{device} has no registered port, so its MAC address alone is not enough"]
        ["台帳の設置場所にポートまで登録してください。", "register its place down to the port in the inventory"]
    GrantEnded "grant.ended"
        ["一時許可 {grant} の期間外です({from} から {until} まで)。", "grant {grant} is not in force (from {from} until {until})"]
        ["必要であれば承認を得て grants.toml を更新してください。", "if it is still needed, have it approved and update grants.toml"]
    GrantElsewhere "grant.elsewhere"
        ["一時許可 {grant} はこの場所({place})では使えません。", "grant {grant} is not valid at {place}"]
        ["許可された場所で接続してください。", "connect at a place the grant names"]
    GrantCertificate "grant.certificate-required"
        ["一時許可 {grant} には証明書による認証が必要です。", "grant {grant} requires a certificate"]
        ["許可に記された証明書で接続してください。", "connect with the certificate that the grant names"]
    NoQuarantine "quarantine.not-served"
        ["隔離すべきですが、この場所に隔離 VLAN がないため拒否しました({why})。", "refused because no quarantine VLAN is served here ({why})"]
        ["site.toml の assign に隔離環境を追加してください。", "add the quarantine environment to assign in site.toml"]
    CredentialsMissing "request.no-credentials"
        ["認証情報のない要求です。", "the request carries no credentials"]
        ["スイッチの認証設定を確認してください。", "check the switch's authentication settings"]
    CredentialsMixed "request.mixed-credentials"
        ["複数種類の認証情報が混在しています。", "the request mixes several kinds of credentials"]
        ["スイッチの認証設定を確認してください。", "check the switch's authentication settings"]
    StationMissing "request.no-calling-station"
        ["端末の MAC アドレス(Calling-Station-Id)がないか、読み取れません。", "the station's MAC address (Calling-Station-Id) is absent or unreadable"]
        ["スイッチの設定とプロファイルの request.calling を確認してください。", "check the switch and request.calling in the profile"]
    PasswordUnreadable "request.password-unreadable"
        ["User-Password を復号できません({fault})。", "User-Password cannot be decoded ({fault})"]
        ["共有鍵とスイッチの設定を確認してください。", "check the shared secret and the switch's settings"]
    MabFormForbidden "mab.form-not-allowed"
        ["プロファイル {profile} は MAC 認証の形式 {form} を認めていません。", "profile {profile} does not allow MAC authentication as {form}"]
        ["スイッチの MAC 認証方式かプロファイルの request.mab_forms を変更してください。", "change the switch's method or request.mab_forms in the profile"]
    MabName "mab.not-a-mac"
        ["利用者名 {user} は MAC アドレスではありません。パスワード認証は行いません。", "user name {user} is not a MAC address; passwords of people are not accepted"]
        ["証明書(EAP-TLS)で認証してください。", "use a certificate (EAP-TLS)"]
    MabMacMismatch "mab.mac-mismatch"
        ["利用者名の MAC {user} と端末の MAC {calling} が一致しません。", "the user name says {user} but the station is {calling}"]
        ["なりすましを疑い、端末とスイッチの設定を確認してください。", "suspect impersonation; check the device and the switch's settings"]
    MabNotMarked "mab.not-marked"
        ["MAC 認証の印がない要求です(MAC {mac})。", "the request for MAC {mac} is not marked as MAC authentication"]
        ["プロファイルの request.mab_marker を確認してください。", "check request.mab_marker in the profile"]
    MabPassword "mab.wrong-password"
        ["MAC 認証のパスワードが一致しません(MAC {mac})。", "the password of the MAC authentication is wrong (MAC {mac})"]
        ["スイッチの MAC 認証パスワードとプロファイルの request.mab_password を合わせてください。", "make the switch's MAC authentication password and request.mab_password agree"]
    MabWordMissing "mab.no-word"
        ["このスイッチの MAC 認証用の固定語が登録されていません。", "no fixed word for MAC authentication is stored for this switch"]
        ["secrets/client/ に固定語のファイル(.mab)を置いてください。", "store it in a .mab file under secrets/client/"]
    EapIdentityIsMac "eap.mac-identity"
        ["MAC アドレスを名乗る利用者が EAP-TLS を要求しました({identity})。", "an identity shaped like a MAC address asked for EAP-TLS ({identity})"]
        ["端末の 802.1X の利用者名を証明書の名前にしてください。", "set the supplicant's identity to the certificate's name"]
    EapConversationUnknown "eap.unknown-state"
        ["進行中の認証が見つかりません(別のサーバか、期限切れです)。", "no such conversation: it belongs to another server or is over"]
        ["端末が自動でやり直します。続く場合はサーバの切り替わりを確認してください。", "the device will start again; if this lasts, look for fail-over between servers"]
    EapMethod "eap.no-common-method"
        ["端末が EAP-TLS に対応していません。", "the peer does not offer EAP-TLS"]
        ["端末の 802.1X 設定を EAP-TLS(証明書)にしてください。", "set the supplicant to EAP-TLS with a certificate"]
    EapTlsVersion "eap.tls-too-old"
        ["端末の TLS が古すぎます(1.2 以上が必要)。", "the peer's TLS is too old: 1.2 or later is needed"]
        ["端末を更新するか、期限付きの例外として MAC 認証で登録してください。", "update the device, or register it by MAC as a dated exception"]
    EapTlsParameters "eap.no-common-parameters"
        ["端末と共通の暗号方式がありません({fault})。", "no cipher or signature algorithm in common with the peer ({fault})"]
        ["端末と証明書の鍵の種類を確認してください。", "check the device and the key type of its certificate"]
    EapPeerAlert "eap.peer-refused-server"
        ["端末がサーバ証明書を拒否しました({alert})。", "the peer refused the server's certificate ({alert})"]
        ["端末に市の認証局の証明書とサーバ名を設定してください。", "install the city's CA certificate and the server name on the device"]
    EapProtocol "eap.protocol-violation"
        ["端末が EAP-TLS の手順に反しました({fault})。", "the peer broke the EAP-TLS protocol ({fault})"]
        ["端末の更新を確認してください。続く場合は攻撃を疑ってください。", "update the device; if this lasts, suspect an attack"]
    EapLimit "eap.limit"
        ["EAP の上限を超えました({fault})。", "an EAP limit was exceeded ({fault})"]
        ["端末とスイッチの設定を確認してください。", "check the device and the switch"]
    EapAbandoned "eap.abandoned"
        ["認証が途中で途切れました。", "the conversation was abandoned half way"]
        ["端末側の証明書の確認画面や電源断、無線・拠点回線を確認してください。", "look at the device's prompts, its power, and the line to the site"]
    ServerFault "server.fault"
        ["サーバ内部の誤りのため拒否しました({fault})。", "refused because of a fault in the server ({fault})"]
        ["ログを添えて開発元に連絡してください。", "report it with the log"]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_texts_want_the_same_facts() {
        let mut ids = BTreeSet::new();
        for reason in Reason::ALL {
            assert!(ids.insert(reason.id()), "{} is used twice", reason.id());
            for text in [reason.text(), reason.remedy()] {
                let facts = |language| text.wants(language).collect::<BTreeSet<_>>();
                let (ja, en) = (facts(Language::Japanese), facts(Language::English));
                assert_eq!(ja, en, "{}", reason.id());
                assert!(!text.ja.is_empty() && !text.en.is_empty());
            }
        }
    }
}
