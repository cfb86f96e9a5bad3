//! What can go wrong between the service and the machine, in both languages.

use crate::vocabulary::{Language, registry};

/// Something the machine, a file or another process refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// What the text wants filled in.
    pub facts: Vec<(&'static str, String)>,
}

impl Failure {
    /// A failure without facts.
    #[must_use]
    pub const fn new(kind: FailureKind) -> Self {
        Self { kind, facts: Vec::new() }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    /// The message for an operator.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        self.kind.text().fill(language, &self.facts)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message(Language::English))
    }
}

impl std::error::Error for Failure {}

registry! {
    /// The kinds of failure.
    FailureKind {
        DirectoryAbsent "file.no-directory"
            ["ディレクトリがありません: `{path}`(別の場所にあれば、その場所を指定してください)", "no such directory: `{path}`; if it is elsewhere, name that place"]
        FileAbsent "file.absent"
            ["`{path}` がありません", "`{path}` does not exist"]
        FileUnreadable "file.unreadable"
            ["`{path}` を読めません: {cause}", "cannot read `{path}`: {cause}"]
        FileUnwritable "file.unwritable"
            ["`{path}` に書けません: {cause}", "cannot write `{path}`: {cause}"]
        FilesTooMany "file.too-many"
            ["`{path}` のファイル数が上限 {limit} を超えています", "`{path}` holds more than {limit} files"]
        FilesTooLarge "file.too-large"
            ["`{path}` の合計が上限 {limit} バイトを超えています", "`{path}` holds more than {limit} octets"]
        DirectoriesTooDeep "file.too-deep"
            ["`{path}` の階層が上限 {limit} を超えています", "`{path}` is nested deeper than {limit} directories"]
        LinkEscapes "file.link-escapes"
            ["`{path}` のリンク先が `{root}` の外です", "the link `{path}` leads out of `{root}`"]
        NotAFile "file.not-a-file"
            ["`{path}` は通常のファイルではありません", "`{path}` is not a regular file"]
        NameNotText "file.name-not-utf-8"
            ["ファイル名が UTF-8 ではありません: `{path}`", "the file name is not UTF-8: `{path}`"]
        CaptureForeign "capture.foreign"
            ["`{path}` は pcap でも pcapng でもありません。tcpdump -w や Wireshark で保存したファイルを指定してください", "`{path}` is neither pcap nor pcapng; give a file written by tcpdump -w or Wireshark"]
        CaptureCut "capture.cut"
            ["`{path}` は {frames} フレーム目のあと(位置 {offset})で途切れています。取り直すか、editcap で読める所まで切り出してください", "`{path}` breaks off after frame {frames} (at octet {offset}); capture again, or cut out what can be read with editcap"]
        CaptureDamaged "capture.damaged"
            ["`{path}` は {frames} フレーム目のあと(位置 {offset})が壊れています: {cause}。取り直すか、editcap で読める所まで切り出してください", "`{path}` is damaged after frame {frames} (at octet {offset}): {cause}; capture again, or cut out what can be read with editcap"]
        CaptureLink "capture.link-type"
            ["`{path}` のリンク種別 {number} は読めません。イーサネットの口で取り直してください", "`{path}` has link type {number}, which cannot be read; capture on an Ethernet interface"]
        ManifestWrong "manifest.wrong"
            ["`{path}` の {line} 行目: {cause}", "`{path}` line {line}: {cause}"]
        StoreUnreadable "store.unreadable"
            ["状態ファイル `{path}` が壊れています: {cause}。バックアップから戻すか、移動してから起動してください(印と計画の世代は失われます)", "the state file `{path}` is damaged: {cause}; restore it from a backup, or move it away and start (marks and plan generations are lost)"]
        StoreBusy "store.busy"
            ["状態ファイル `{path}` は別の sekisho が使用中です", "the state file `{path}` is in use by another sekisho"]
        StoreNewer "store.newer"
            ["状態ファイル `{path}` は新しい版(様式 {found})のものです。この版が読めるのは様式 {known} までです", "the state file `{path}` was written by a newer version (schema {found}); this one knows up to {known}"]
        StoreForeign "store.foreign"
            ["`{path}` は sekisho の状態ファイルではありません", "`{path}` is not a sekisho state file"]
        StoreFailed "store.failed"
            ["状態ファイル `{path}` の操作に失敗しました: {cause}", "an operation on the state file `{path}` failed: {cause}"]
        GenerationUnknown "plan.no-such-generation"
            ["世代 {generation} の計画はありません", "there is no plan of generation {generation}"]
        GenerationForgotten "plan.content-expired"
            ["世代 {generation} の内容は保存期限(最新 {limit} 世代)を過ぎて削除されました", "the content of generation {generation} is no longer kept (only the newest {limit} are)"]
        MarkUnknown "mark.no-such-mark"
            ["有効な印 {mark} はありません", "there is no mark {mark} in force"]
        MarksFull "mark.too-many"
            ["有効な印が上限 {limit} に達しています", "there are already {limit} marks in force"]
        SubjectMalformed "mark.subject-malformed"
            ["対象 `{subject}` を読み取れません。MAC アドレス、資産番号、コンピューター名、接続中の IP アドレス、またはスイッチとポート(例 hon-sw01:0/3)で指定してください", "cannot read the subject `{subject}`; give a MAC address, an asset number, a computer name, an IP address in use, or a switch and port such as hon-sw01:0/3"]
        SubjectUnknown "mark.subject-unknown"
            ["対象 `{subject}` は計画にありません", "the plan does not know `{subject}`"]
        SubjectAmbiguous "mark.subject-ambiguous"
            ["`{subject}` に当たるものが二つ以上あります。MAC アドレスか資産番号で指定してください", "`{subject}` means more than one device; give a MAC address or an asset number"]
        AddressUnattached "mark.address-unattached"
            ["IP アドレス {subject} で接続中の端末はありません(アカウンティングの記録による)", "no device is connected with the IP address {subject}, as far as accounting tells"]
        DetectionForeign "detection.other-environment"
            ["端末は環境 {environment} のもので、この規則の対象ではありません", "the device belongs to environment {environment}, of which the rule may not speak"]
        DetectionLimit "detection.limit"
            ["自動で隔離してよい台数 {limit} に達しています", "the limit of {limit} devices is reached"]
        MarkedOtherwise "mark.on-another-name"
            ["{subject} に有効な印はありませんが、同じ機器の {others} にあります。`release {others} --reason 理由` で解除します", "there is no mark in force on {subject}, but on {others}, which is the same device: `release {others} --reason TEXT`"]
        MarkEnded "mark.ended"
            ["期限 `{text}` はもう過ぎています", "the end `{text}` is past already"]
        SubjectUnmarked "mark.subject-unmarked"
            ["{subject} に有効な印はありません", "there is no mark in force on {subject}"]
        SessionUnknown "session.unknown"
            ["{subject} の接続は見つかりません", "no session of {subject} is known"]
        SwitchUnknown "switch.unknown"
            ["スイッチ {switch} は計画にありません", "the plan has no switch {switch}"]
        SwitchUnasked "switch.not-asked"
            ["スイッチ {switch} の表は読みません。プロファイルに [snmp] を書き、secrets/snmp/ に鍵を置いてください", "the tables of {switch} are not read; write [snmp] into its profile and put its secrets into secrets/snmp/"]
        HeldUnknown "enforce.no-such-number"
            ["保留中の変更 {number} はありません。sekisho enforce list で今の番号を確かめてください", "no change {number} is held; see the present number by sekisho enforce list"]
        DateMalformed "mark.date-malformed"
            ["期限 `{text}` を読み取れません。例: 2026-11-30、R8.11.30、2026-11-30 17:00", "cannot read the end `{text}`; write 2026-11-30, R8.11.30 or 2026-11-30 17:00"]
        TextEmpty "control.text-empty"
            ["`{field}` が空です", "`{field}` is empty"]
        TextTooLong "control.text-too-long"
            ["`{field}` が上限 {limit} バイトを超えています", "`{field}` is longer than {limit} octets"]
        AddressUnavailable "socket.address"
            ["{address} を開けません: {cause}", "cannot open {address}: {cause}"]
        ControlUnavailable "control.unavailable"
            ["制御ソケット `{path}` に接続できません: {cause}。{program} は動いていますか", "cannot reach the control socket `{path}`: {cause}; is {program} running?"]
        ControlForbidden "control.forbidden"
            ["制御ソケット `{path}` を使う権限がありません。root として、または状態ディレクトリのグループの一員として実行してください", "no permission to use the control socket `{path}`; be root or a member of the group of the state directory"]
        ControlForeign "control.another"
            ["`{path}` で動いているのは {program} ではありません。`--state` にその状態ディレクトリを書いてください", "what runs in `{path}` is not {program}; give its state directory with `--state`"]
        ControlMalformed "control.malformed"
            ["制御要求を読み取れません: {cause}", "the control request cannot be read: {cause}"]
        ControlReply "control.reply"
            ["制御ソケットの応答を読み取れません: {cause}", "the control reply cannot be read: {cause}"]
        StopFailed "service.stop"
            ["停止処理が完了しませんでした: {cause}", "shutdown did not finish: {cause}"]
        MachineRefused "service.machine"
            ["OS の資源を確保できません: {cause}", "the operating system refused a resource: {cause}"]
        RandomUnavailable "service.random"
            ["乱数を取得できません", "the operating system gives no random numbers"]
        PlanRefused "plan.refused"
            ["設定に誤りがあるため計画を受け入れられません(誤り {errors} 件)。sekisho check で確認してください", "the files hold {errors} errors, so no plan can be accepted; see sekisho check"]
        Weaker "plan.weaker"
            ["この変更は分離を弱くします({count} 件)。内容を確かめ、受け入れるなら reload --accept {change} --by 氏名 --reason 理由 を実行してください", "this change weakens the separation in {count} ways; look at them, and to accept it run reload --accept {change} --by NAME --reason TEXT"]
        WeakerSecond "plan.second-person"
            ["{by} の承認を記録しました。環境 {environments} は二人目の承認を求めます。別の利用者が reload --accept {change} を実行してください", "recorded the acceptance of {by}; environment {environments} asks for a second person: another user has to run reload --accept {change}"]
        AcceptForeign "plan.accept-other-change"
            ["`{given}` は今の変更({change})ではありません。内容を確かめ直してください", "`{given}` is not the present change ({change}); look at it again"]
        CredentialsRefused "secrets.refused"
            ["秘密情報に不足または誤りがあります({count} 件)。sekisho check で確認してください", "secrets are missing or wrong ({count} findings); see sekisho check"]
        SnapshotRefused "service.snapshot"
            ["計画を稼働状態にできません: {cause}", "the plan cannot be put into service: {cause}"]
        IncidentUnknown "incident.no-such-incident"
            ["インシデント `{incident}` はありません。sekisho incident list で確認してください", "there is no incident `{incident}`; see sekisho incident list"]
        IncidentClosed "incident.closed"
            ["インシデント {incident} は {closed} に終了しています。続きがあれば新しく開始し、元の番号を理由に書いてください", "incident {incident} was closed at {closed}; if there is more to it, open a new one and name it in the reason"]
        IncidentsFull "incident.too-many"
            ["インシデントが上限 {limit} 件に達しています", "there are already {limit} incidents"]
        IncidentKind "incident.kind"
            ["記録の種類 `{kind}` はありません。{known} のどれかを指定してください", "there is no kind of note `{kind}`; it is one of {known}"]
        IncidentTime "incident.detected"
            ["発見の日時 `{text}` を読み取れないか、未来です。例: 2026-11-24 09:00、R8.11.24", "cannot read the time of detection `{text}`, or it lies ahead; write 2026-11-24 09:00 or R8.11.24"]
        RecordsMalformed "incident.evidence-malformed"
            ["証跡の番号 `{text}` を読み取れません。例: 12,15-17(上限 {limit} 件)。番号は sekisho log search の seq です", "cannot read the record numbers `{text}`; write 12,15-17, at most {limit}; they are the seq of sekisho log search"]
        RecordUnknown "incident.no-such-record"
            ["証跡 {sequence} はありません", "there is no record {sequence}"]
        EvidenceUnavailable "evidence.unavailable"
            ["証跡を読み書きできないため、インシデントを記録できません: {cause}", "incidents cannot be recorded while the evidence cannot be read and written: {cause}"]
        EvidenceWaiting "evidence.waiting"
            ["証跡がスプールで保存を待っているあいだは、インシデントを記録できません。少し待ってから、もう一度実行してください", "incidents cannot be recorded while records wait on the spool; try again in a while"]
        BackupMismatch "backup.mismatch"
            ["バックアップの `{path}` が目録と違います", "`{path}` of the backup is not what its manifest says"]
        BackupForeign "backup.foreign"
            ["`{path}` は、この版のバックアップの目録ではありません", "`{path}` is no manifest of a backup of this version"]
        BackupChain "backup.chain"
            ["バックアップの証跡 `{path}` の鎖か封印が壊れています", "chain or seals of the backup's records `{path}` are broken"]
        BackupCopy "backup.copy"
            ["`{path}` は、もとの証跡の写しになっていません", "`{path}` is not the evidence it was copied from"]
        SwitchUnreachable "switch.unreachable"
            ["スイッチのソケット `{path}` と通信できません: {cause}。Open vSwitch が動いているか確認してください", "cannot speak to the switch through `{path}`: {cause}; is Open vSwitch running?"]
        SwitchRefused "switch.refused"
            ["スイッチが設定の変更を拒否しました: {cause}", "the switch refused the change: {cause}"]
        SwitchSilent "switch.silent"
            ["スイッチが設定の変更に追従しません。ovs-vswitchd が動いているか確認してください", "the switch does not follow its configuration; is ovs-vswitchd running?"]
        PortAbsent "switch.no-port"
            ["ポート `{port}` はブリッジにありません", "the bridge has no port `{port}`"]
        TokenRefused "outpost.token-refused"
            ["サービスがトークンを受け付けません。サービス側の `sekisho secret token` で作り、`sekisho reload` で有効にしたものか確認してください", "the service does not take the token; is it one that `sekisho secret token` made there and `sekisho reload` put into force?"]
        SensorUnknown "sensor.unknown"
            ["センサー `{sensor}` は config/sensors.toml にないか、enabled = false です", "the sensor `{sensor}` is not in config/sensors.toml, or is not enabled there"]
        ChangeUnknown "sensor.change-unknown"
            ["`{subject}` という変化、またはその MAC の未決の変化はありません。sekisho sensor changes で確認してください", "there is no change `{subject}`, and no open change of such a MAC; see `sekisho sensor changes`"]
        SensorRunning "sensor.running"
            ["`{path}` を使うセンサーがすでに動いています", "a sensor that uses `{path}` is already running"]
        TripwireAbsent "tripwire.absent"
            ["トリップワイヤーは設定されていません。config/tripwire.toml を書き、enabled = true にしてください", "no tripwire is configured; write config/tripwire.toml and let `enabled` be true"]
        TripwireKeyWrong "tripwire.key-wrong"
            ["`{path}` は {want} バイトの鍵ではありません", "`{path}` is no key of {want} octets"]
        TripwireDeviceWithout "tripwire.no-label"
            ["`{asset}` にはラベルがありません(台帳にないか、環境が対象外か、exclude にあります)", "`{asset}` has no label: it is not in the inventory, of another environment, or excluded"]
        TripwireFileWrong "tripwire.file-wrong"
            ["`{path}` を応答に使えません: {cause}。sekisho tripwire export で作り直してください", "`{path}` cannot be used: {cause}; make it anew by sekisho tripwire export"]
        ObservationMalformed "sensor.malformed"
            ["センサーの報告を読み取れません: {cause}", "cannot read what the sensor reports: {cause}"]
        ObservationUnkept "sensor.unkept"
            ["報告を証跡に残せないため、受け取れません", "the report cannot be kept as evidence and is not taken"]
        InterfaceUnusable "switch.interface"
            ["インターフェース `{interface}` を使えません: {cause}", "the interface `{interface}` cannot be used: {cause}"]
        AuthenticatorRefused "authenticator.refused"
            ["`{path}` に誤りが {errors} 件あります", "`{path}` holds {errors} errors"]
        NotHere "control.not-here"
            ["認証スイッチは `{command}` を受け付けません", "an authenticator knows no `{command}`"]
        Stopping "service.stopping"
            ["サービスは停止処理中です", "the service is stopping"]
        StateAbsent "service.no-state"
            ["状態ディレクトリなしで動作しているため実行できません", "the service runs without a state directory, so this is not possible"]
        KeyExposed "key.exposed"
            ["秘密鍵 `{path}` を所有者以外も読めます(モード {mode})。`chmod 600 {path}` で直してください。他人に読まれたおそれがあれば認証局を作り直してください", "the private key `{path}` is open to others (mode {mode}); run `chmod 600 {path}`, and make a new authority if someone may have read it"]
        CertificateNotWritten "certificate.not-written"
            ["証明書(シリアル番号 {serial})は台帳に記録しましたが、書き出せませんでした: {cause}。`sekisho certificate revoke --ca {ca} --serial {serial} --reason superseded` で失効させ、発行し直してください", "the certificate {serial} is in the register but could not be written: {cause}; run `sekisho certificate revoke --ca {ca} --serial {serial} --reason superseded` and issue it again"]
        ListNotWritten "certificate.list-not-written"
            ["台帳は更新しましたが、失効リストを書き出せませんでした: {cause}。直してから `sekisho certificate crl --ca {ca}{to}` を実行してください", "the register is up to date but the revocation list could not be written: {cause}; mend that and run `sekisho certificate crl --ca {ca}{to}`"]
        SwitchNameMalformed "secret.name-malformed"
            ["`{name}` は名前に使えません。英数字と `-` `_` `.` で64文字まで、先頭は英数字にしてください", "`{name}` cannot be a name; use up to 64 letters, digits, `-`, `_` and `.`, a letter or digit first"]
        SecretAbsent "secret.absent"
            ["スイッチ `{switch}` の共有鍵 `{path}` がありません。`sekisho secret generate {switch}` で作ってください", "the switch `{switch}` has no secret `{path}`; make one by `sekisho secret generate {switch}`"]
        PassphraseAbsent "secret.passphrase-absent"
            ["SNMPv3 のパスフレーズ `{path}` がありません。`sekisho secret snmp {name}` で作ってください", "there is no passphrase of SNMPv3 `{path}`; make it by `sekisho secret snmp {name}`"]
        SecretNextAbsent "secret.next-absent"
            ["スイッチ `{switch}` の次の共有鍵 `{path}` がありません。`sekisho secret rotate {switch}` で作ってください", "the switch `{switch}` has no next secret `{path}`; make one by `sekisho secret rotate {switch}`"]
        SecretPending "secret.pending"
            ["スイッチ `{switch}` の次の共有鍵 `{path}` がすでにあります。スイッチに設定して `sekisho secret promote {switch}` を実行するか、やめるならこのファイルを削除してください", "the switch `{switch}` has a next secret `{path}` already; set it on the switch and run `sekisho secret promote {switch}`, or remove that file to give up"]
        StormRemote "storm.remote"
            ["{server} はこの機械の外のアドレスです。嵐は機器を止めかねません。本当に送るなら --allow-remote を付けてください", "{server} is not on this machine, and a storm can bring equipment down; add --allow-remote if you mean it"]
        StormServer "storm.server"
            ["{server} は IPv4 のアドレスとポートではありません", "{server} is not an IPv4 address and port"]
        StormSite "storm.no-site"
            ["`{path}` がありません。`sekisho storm prepare` が作ったディレクトリを --site に指定してください", "there is no `{path}`; name a directory that `sekisho storm prepare` made as --site"]
        StormRoster "storm.roster"
            ["`{path}` の {line} 行目: {fault}", "`{path}` line {line}: {fault}"]
        StormUnlisted "storm.unlisted"
            ["嵐の名簿を作れません: {fault}", "the roster of the storm cannot be made: {fault}"]
        StormPapers "storm.certificate"
            ["端末 `{user}` の証明書を用意できません: {cause}", "there is no usable certificate for the device `{user}`: {cause}"]
        StormNobody "storm.nobody"
            ["名簿に {method} の端末がありません。--mix を変えるか、名簿に加えてください", "the roster has no device for {method}; change --mix, or add some"]
        StormMix "storm.mix"
            ["`{text}` は mab=30,eap-tls=70 のような、合わせて 100 になる割合ではありません", "`{text}` is no mix such as mab=30,eap-tls=70 that adds up to 100"]
        StormMixOfAll "storm.mix-of-all"
            ["--power-return は全端末を一度ずつ接続させます。--mix は mab=100 か eap-tls=100 だけです(一方の端末だけが加わります)", "--power-return lets every device come once; with it --mix is mab=100 or eap-tls=100 alone, for the devices of one method"]
        StormAuthority "storm.no-authority"
            ["`{path}` に証明書(PEM)がありません。--authority に、サーバー証明書の認証局を書いてください", "`{path}` holds no certificate (PEM); name the authority of the server's certificate with --authority"]
        SecretHidden "secret.hidden"
            ["共有鍵は端末の画面にだけ表示します。ファイルやパイプに出すなら --yes を付けてください", "a secret is shown on a terminal only; add --yes to send it to a file or pipe"]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn both_languages_want_the_same_facts_and_ids_are_unique() {
        let mut ids = BTreeSet::new();
        for kind in FailureKind::ALL {
            assert!(ids.insert(kind.id()), "{} is used twice", kind.id());
            let wants = |language| kind.text().wants(language).collect::<BTreeSet<_>>();
            assert_eq!(wants(Language::Japanese), wants(Language::English), "{}", kind.id());
        }
    }
}
