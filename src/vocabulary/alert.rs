//! The kinds of alert, each with a stable id and its text in both languages.
//!
//! An id once published keeps its meaning: collectors, filters and the evidence are searched by
//! it. It is also the MSGID of RFC 5424, hence at most 32 printable ASCII characters.

use std::time::Duration;

use super::registry;

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertSeverity {
    /// Good to know.
    Info,
    /// Somebody should look.
    Warning,
    /// Something is wrong now.
    Error,
}

impl AlertSeverity {
    /// Every one with its id, as files write it.
    pub const CHOICES: &'static [(&'static str, Self)] =
        &[("info", Self::Info), ("warning", Self::Warning), ("error", Self::Error)];

    /// `info`, `warning` or `error`, as the log has it.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Severity of RFC 5424 §6.2.1: notice, warning or error.
    #[must_use]
    pub const fn syslog(self) -> u8 {
        match self {
            Self::Info => 5,
            Self::Warning => 4,
            Self::Error => 3,
        }
    }

    /// Severity of CEF, 0 to 10.
    #[must_use]
    pub const fn cef(self) -> u8 {
        match self {
            Self::Info => 3,
            Self::Warning => 6,
            Self::Error => 9,
        }
    }
}

registry! {
    /// What is alerted. The names in braces are fields of the alert.
    AlertKind {
        Stranger "ALERT-stranger"
            ["登録されていない端末 {mac} が {place} に接続しました", "the unregistered device {mac} was connected at {place}"]
        CertificateConflict "ALERT-certificate-conflict"
            ["証明書 {identity} と端末 {mac} の組み合わせが登録と異なります({place}、{reason})", "certificate {identity} and device {mac} do not belong together ({place}, {reason})"]
        TwoPlaces "ALERT-two-places"
            ["{mac} が {seconds} 秒のうちに二か所にあります: {before} と {place}", "{mac} is in two places within {seconds} s: {before} and {place}"]
        AddressUnproven "ALERT-mac-without-session"
            ["認証のない MAC {mac} が {place} にあります(VLAN {vlan}、登録 {asset})", "{mac} is at {place} without a session (VLAN {vlan}, registered as {asset})"]
        AddressDoubled "ALERT-mac-at-two-ports"
            ["MAC {mac} が {place} と {other} の両方にあります(登録 {asset})", "{mac} is both at {place} and at {other} (registered as {asset})"]
        NeighbourUndeclared "ALERT-neighbour-undeclared"
            ["{place} に届け出のない機器 {neighbour} がつながっています(届け出: {expected})", "the undeclared {neighbour} is connected at {place} (declared: {expected})"]
        SwitchUnread "ALERT-switch-unread"
            ["スイッチ {name} の表を SNMP で読めません({fault})", "the tables of the switch {name} cannot be read by SNMP ({fault})"]
        AfterHours "ALERT-after-hours"
            ["{section} の端末 {asset} が業務時間外に使われました({local}、{place}、{hours})", "device {asset} of {section} is used outside office hours ({local}, {place}, {hours})"]
        Refusals "ALERT-repeated-refusals"
            ["{mac} が {minutes} 分間に {count} 回拒否されました({place}、{reason})", "{mac} was refused {count} times within {minutes} min ({place}, {reason})"]
        Detection "ALERT-detection"
            ["規則 {rule} の検知により {subject} を隔離または拒否しました({address})", "{subject} was quarantined or refused after a detection by rule {rule} ({address})"]
        DetectionHeld "ALERT-detection-held"
            ["規則 {rule} が検知した {named} に何もしていません。確認してください: {cause}", "nothing was done about {named}, which rule {rule} detected; look at it: {cause}"]
        SwitchSilent "ALERT-switch-silent"
            ["スイッチ {switch} から {minutes} 分間何も届いていません", "nothing has come from the switch {switch} for {minutes} min"]
        CertificateExpiring "ALERT-certificate-expiring"
            ["{role} 証明書 {name} の有効期限は {until} です(残り {days} 日)", "the {role} certificate {name} ends on {until}, in {days} days"]
        ListExpiring "ALERT-crl-expiring"
            ["認証局 {name} の失効リストの更新期限は {until} です(残り {hours} 時間)", "the CRL of {name} is due on {until}, in {hours} hours"]
        ClockOff "ALERT-clock-off"
            ["時計が {seconds} 秒ずれました", "the clock was off by {seconds} s"]
        ClockUnmeasured "ALERT-clock-unmeasured"
            ["{minutes} 分間どの NTP サーバーも答えず、時計のずれを測れません({servers}): {cause}", "no time server has answered for {minutes} min, so that nobody knows whether the clock is right ({servers}): {cause}"]
        EvidenceSpooling "ALERT-evidence-spooling"
            ["証跡を保存できず、退避ファイルに書いています: {cause}", "evidence cannot be stored and is put on the spool: {cause}"]
        EvidenceUnspooled "ALERT-evidence-no-spool"
            ["退避ファイル {path} がなく、証跡ファイルに書けなくなれば証跡は失われます: {cause}", "there is no spool at {path}, and evidence is lost when it cannot be stored: {cause}"]
        EvidenceFull "ALERT-evidence-full"
            ["退避ファイルがいっぱいで、証跡が失われています", "the spool takes nothing more and evidence is being lost"]
        EvidenceGap "ALERT-evidence-gap"
            ["{since} から {count} 件の証跡が欠けています", "{count} records of evidence are missing since {since}"]
        EvidenceDamaged "ALERT-evidence-damaged"
            ["証跡ファイルが壊れていました: {cause}", "the evidence file is damaged: {cause}"]
        EvidenceRestored "ALERT-evidence-restored"
            ["証跡を再び保存しています(退避 {count} 件、欠落 {missing} 件)", "evidence is stored again: {count} came from the spool, {missing} are missing"]
        BackupFailed "ALERT-backup-failed"
            ["バックアップを作れないか、原本と一致しません({path}): {cause}", "the backup at {path} failed or differs from the original: {cause}"]
        ReloadRefused "ALERT-reload-refused"
            ["新しい設定を拒否し、世代 {generation} のまま続けています: {cause}", "the new configuration was refused; generation {generation} goes on: {cause}"]
        Weakened "ALERT-separation-weakened"
            ["分離を弱くする変更を {by} が承認しました: {reason}", "{by} accepted a change that weakens the separation: {reason}"]
        SecretMismatch "ALERT-secret-mismatch"
            ["{address} からの要求を信用できません({reason})。共有鍵を確認してください", "requests from {address} cannot be trusted ({reason}); check the shared secret"]
        Rogue "ALERT-rogue"
            ["{text}(場所 {place}、センサー {sensor}、対応 {action}): {signs}", "{text} (at {place}, sensor {sensor}, done: {action}): {signs}"]
        Separation "ALERT-separation-broken"
            ["環境の分離が破れています: {text}(フレーム {frames}、センサー {sensor})", "the separation of environments is broken: {text} (frames {frames}, sensor {sensor})"]
        SensorSilent "ALERT-sensor-silent"
            ["センサー {sensor} から {minutes} 分間何も届いていません", "nothing has come from the sensor {sensor} for {minutes} min"]
        Service "ALERT-service"
            ["サービスに支障があります({what}): {cause}", "the service is in trouble ({what}): {cause}"]
        ReceiverAway "ALERT-receiver-away"
            ["警報の送り先 {sink} に送れません。溜めて送り直します: {cause}", "alerts cannot be delivered to {sink}; they wait and are tried again: {cause}"]
        Missed "ALERT-missed"
            ["警報 {count} 件を見落としたか、届けられませんでした({sink})", "{count} alerts were missed or could not be delivered ({sink})"]
        Test "ALERT-test"
            ["試験の警報です({by})", "this is a test ({by})"]
    }
}

impl AlertKind {
    /// How urgent it is, unless the case says otherwise.
    #[must_use]
    pub const fn severity(self) -> AlertSeverity {
        match self {
            Self::EvidenceRestored | Self::Test => AlertSeverity::Info,
            Self::Stranger
            | Self::SwitchUnread
            | Self::AfterHours
            | Self::Refusals
            | Self::CertificateExpiring
            | Self::ListExpiring
            | Self::ClockOff
            | Self::ClockUnmeasured
            | Self::ReceiverAway
            | Self::Weakened
            | Self::SecretMismatch => AlertSeverity::Warning,
            Self::CertificateConflict
            | Self::TwoPlaces
            | Self::Detection
            | Self::DetectionHeld
            | Self::AddressUnproven
            | Self::AddressDoubled
            | Self::NeighbourUndeclared
            | Self::SwitchSilent
            | Self::EvidenceSpooling
            | Self::EvidenceUnspooled
            | Self::EvidenceFull
            | Self::EvidenceGap
            | Self::EvidenceDamaged
            | Self::BackupFailed
            | Self::ReloadRefused
            | Self::Rogue
            | Self::Separation
            | Self::SensorSilent
            | Self::Service
            | Self::Missed => AlertSeverity::Error,
        }
    }

    /// How long further alerts of the same kind and subject are counted instead of sent, where
    /// that is not the window that `alerts.toml` sets.
    #[must_use]
    pub const fn own_window(self) -> Option<Duration> {
        match self {
            // One evening is one alert, and what expires is told once a day.
            Self::AfterHours => Some(Duration::from_secs(12 * 3600)),
            Self::CertificateExpiring | Self::ListExpiring => Some(Duration::from_secs(23 * 3600)),
            Self::Test => Some(Duration::ZERO),
            Self::Stranger
            | Self::CertificateConflict
            | Self::TwoPlaces
            | Self::AddressUnproven
            | Self::AddressDoubled
            | Self::NeighbourUndeclared
            | Self::SwitchUnread
            | Self::Refusals
            | Self::Detection
            | Self::DetectionHeld
            | Self::SwitchSilent
            | Self::ClockOff
            | Self::ClockUnmeasured
            | Self::ReceiverAway
            | Self::EvidenceSpooling
            | Self::EvidenceUnspooled
            | Self::EvidenceFull
            | Self::EvidenceGap
            | Self::EvidenceDamaged
            | Self::EvidenceRestored
            | Self::BackupFailed
            | Self::ReloadRefused
            | Self::Weakened
            | Self::SecretMismatch
            | Self::Rogue
            | Self::Separation
            | Self::SensorSilent
            | Self::Service
            | Self::Missed => None,
        }
    }

    /// The kind of an id.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::vocabulary::Language;

    #[test]
    fn alerts_have_unique_short_ids_and_the_same_facts_in_both_languages() {
        let mut ids = BTreeSet::new();
        for kind in AlertKind::ALL {
            assert!(ids.insert(kind.id()));
            assert!(kind.id().len() <= 32 && kind.id().bytes().all(|it| it.is_ascii_graphic()));
            assert_eq!(AlertKind::parse(kind.id()), Some(*kind));
            let wants = |language| kind.text().wants(language).collect::<BTreeSet<_>>();
            assert_eq!(wants(Language::Japanese), wants(Language::English), "{}", kind.id());
        }
    }
}
