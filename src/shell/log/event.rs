//! What the service reports of itself: every event with its severity and its text.

use crate::vocabulary::registry;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Business as usual.
    Info,
    /// Somebody should look.
    Warning,
    /// Something does not work.
    Error,
}

impl Severity {
    /// `info`, `warning` or `error`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// An event with its facts.
pub type Said = (Event, Vec<(&'static str, String)>);

registry! {
    /// What the service itself reports; decisions have ids of their own.
    Event {
        Started "SYS-started"
            ["起動しました(計画の世代 {generation}、認証 {addresses}、アカウンティング {accounting})", "started with plan generation {generation}, answering on {addresses}, accounting on {accounting}"]
        Stopped "SYS-stopped"
            ["停止しました", "stopped"]
        Stopping "SYS-stopping"
            ["停止を始めました({by})", "stopping, asked by {by}"]
        LinesMissing "SYS-lines-missing"
            ["記録が {count} 行欠けています", "{count} lines are missing here"]
        StoreFailed "SYS-store-failed"
            ["状態を保存できません: {cause}", "state cannot be stored: {cause}"]
        WorkerFailed "SYS-worker-failed"
            ["処理スレッドが異常終了しました: {cause}", "a worker ended unexpectedly: {cause}"]
        SocketFailed "SYS-socket-failed"
            ["ソケット {address} の受信に失敗しました: {cause}", "receiving on {address} failed: {cause}"]
        PlanAccepted "CFG-plan-accepted"
            ["計画を受け入れました(世代 {generation}、{by})", "accepted a plan as generation {generation}, by {by}"]
        WeakeningAccepted "CFG-weakening-accepted"
            ["分離を弱くする変更 {change} を {by} が承認しました({operator}): {reason}", "{by} accepted change {change}, which weakens the separation ({operator}): {reason}"]
        PlanUnchanged "CFG-plan-unchanged"
            ["計画に変更はありません。秘密情報と失効リストを読み直しました({by})", "the plan is unchanged; secrets and CRLs were read again, by {by}"]
        PlanRefused "CFG-plan-refused"
            ["新しい計画を拒否しました({by})。世代 {generation} のまま続けます: {cause}", "refused the new plan, asked by {by}; going on with generation {generation}: {cause}"]
        PlanFallback "CFG-plan-fallback"
            ["設定を受け入れられないため、最後に受け入れた世代 {generation} で起動します: {cause}", "the files are refused; starting from the last accepted generation {generation}: {cause}"]
        PlanSetAside "CFG-plan-set-aside"
            ["設定ファイルは巻き戻しで外されたままです。世代 {generation} を使います", "the files on disk were set aside by a rollback; using generation {generation}"]
        PlanRolledBack "CFG-plan-rolled-back"
            ["世代 {restored} に巻き戻しました(新しい世代 {generation}、{by})", "rolled back to generation {restored} as generation {generation}, by {by}"]
        RestartNeeded "CFG-restart-needed"
            ["アドレス、ワーカー数、ノード名またはログの言語の変更は再起動後に有効になります", "changes of addresses, workers, node name or log language take effect after a restart"]
        Finding "CFG-finding"
            ["{message}", "{message}"]
        FindingError "CFG-finding-error"
            ["{message}", "{message}"]
        MarkAdded "OPS-mark-added"
            ["印 {mark} を {subject} に付けました({kind}、{by}): {reason}", "set mark {mark} on {subject} ({kind}, by {by}): {reason}"]
        MarkReleased "OPS-mark-released"
            ["{subject} の印 {mark} を解除しました({by})", "released mark {mark} of {subject}, by {by}"]
        ControlRequest "OPS-control"
            ["操作 {command} を受け付けました({by})", "carried out {command}, asked by {by}"]
        ControlRefused "OPS-control-refused"
            ["操作 {command} を拒否しました({by}): {cause}", "refused {command}, asked by {by}: {cause}"]
        SessionChanged "COA-done"
            ["{place} の {mac} を {from} から {to} へ変えました({how}): {why}", "{mac} at {place} was changed from {from} to {to} ({how}): {why}"]
        SessionStays "COA-dropped"
            ["{place} の {mac} を {from} から {to} へ変えるのをやめました。その後の変更で {from} のままでよくなりました({how})", "{mac} at {place} is no longer to be changed from {from} to {to}: a later change made {from} right again ({how})"]
        SessionWaits "COA-waits"
            ["{place} の {mac} ({from} → {to}) はこのスイッチにすぐ指示できません。次の認証で変わります(遅くとも {until}): {why}", "{mac} at {place} ({from} to {to}) cannot be changed at once on this switch; it changes at its next authentication, at the latest {until}: {why}"]
        PortBounced "COA-bounced"
            ["{mac} のため {place} のポートを SNMP で止めて戻しました(動作を確認済み)", "the port {place} was taken down and up again by SNMP because of {mac}, and is seen to be up"]
        PortBounceFailed "COA-bounce-failed"
            ["{mac} のための {place} のポートの入れ直しができません({cause})。次の認証まで変わりません", "the port {place} could not be bounced because of {mac} ({cause}); nothing changes until the next authentication"]
        PortLeftDown "COA-left-down"
            ["{place} のポートを SNMP で止めましたが、戻せたことを確認できません({cause})。スイッチで確認してください", "the port {place} was taken down by SNMP and is not seen to be up again ({cause}); look at the switch"]
        SessionStuck "COA-failed"
            ["{place} の {mac} ({from} → {to}) をスイッチに反映できません({last})。{minutes} 分後に再試行します: {why}", "{mac} at {place} ({from} to {to}) could not be changed on its switch ({last}); it is tried again in {minutes} minutes: {why}"]
        SessionsHeld "COA-held"
            ["{ports} ポート({sessions} セッション)の変更は上限 {limit} を超えるため、承認を待ちます。sekisho enforce list で確かめ、sekisho enforce approve {number} で承認します", "{sessions} sessions at {ports} ports would change, more than the limit of {limit}; look at them by sekisho enforce list, and approve by sekisho enforce approve {number}"]
        EnforceApproved "OPS-enforce-approved"
            ["保留中の変更 {number} を {by} が承認しました({sessions} セッション): {reason}", "{by} approved the held change {number} ({sessions} sessions): {reason}"]
        DisconnectOrdered "OPS-disconnect"
            ["{subject} の切断を指示しました({sessions} セッション、{by}): {reason}", "disconnected {subject} ({sessions} sessions, by {by}): {reason}"]
        Complaint "AUTH-ignored"
            ["{address} からの要求に応答しません({reason}、ほか {more} 件)", "requests from {address} get no answer ({reason}; {more} more since the last line)"]
        AuthenticatorStarted "SYS-authenticator-started"
            ["認証スイッチ {switch} を起動しました(ポート {ports} 個、すべて閉じています)", "the authenticator {switch} started with {ports} ports, all closed"]
        SwitchBack "SYS-switch-back"
            ["スイッチに接続し、すべてのポートを閉じました", "connected to the switch and closed every port"]
        SwitchLost "SYS-switch-lost"
            ["スイッチと通信できません。つながるまで誰も認証しません: {cause}", "the switch does not answer; nobody is admitted until it does: {cause}"]
        ApplyFailed "SYS-port-apply-failed"
            ["ポート {port} をスイッチに反映できません: {cause}", "port {port} could not be changed: {cause}"]
        PortDrifted "SYS-port-drifted"
            ["ポート {port} の設定が外部から変更されたため閉じました", "port {port} was changed by somebody else and has been closed"]
        EvidenceSpooling "SYS-evidence-spooling"
            ["証跡を保存できないため、退避ファイルに書いています: {cause}", "evidence cannot be stored and is put on the spool: {cause}"]
        EvidenceUnspooled "SYS-evidence-no-spool"
            ["退避ファイル {path} を用意できません。証跡ファイルに書けなくなれば証跡は失われます: {cause}", "the spool {path} cannot be made ready, and evidence is lost when it cannot be stored: {cause}"]
        EvidenceFull "SYS-evidence-full"
            ["退避ファイルに書けません。アカウンティングに応答せず、証跡は失われています", "the spool takes nothing more: accounting is not acknowledged and evidence is being lost"]
        EvidenceRestored "SYS-evidence-restored"
            ["証跡を再び保存しています(退避していた {count} 件を保存、欠落 {missing} 件)", "evidence is stored again: {count} records came from the spool, {missing} are missing"]
        EvidenceGap "SYS-evidence-gap"
            ["{since} から {count} 件の証跡が欠けています", "{count} records are missing since {since}"]
        EvidenceDamaged "SYS-evidence-damaged"
            ["証跡ファイルが壊れているため {path} に移し、新しいファイルで続けます: {cause}", "the evidence file is damaged; it was moved to {path} and a new one goes on: {cause}"]
        EvidenceSealed "SYS-evidence-sealed"
            ["{day} の証跡(記録 {first} から {last})を封印しました: {head}", "sealed the evidence of {day}, records {first} to {last}: {head}"]
        EvidenceExpired "SYS-evidence-expired"
            ["保存期間 {days} 日を過ぎた証跡 {count} 件を削除しました", "deleted {count} records older than {days} days"]
        ClockBack "SYS-clock-back"
            ["時計が {seconds} 秒戻りました(最後の記録は {latest})", "the clock stepped back by {seconds} s; the last record was of {latest}"]
        ClockOff "SYS-clock-off"
            ["時計が NTP サーバーと {seconds} 秒ずれています({servers})", "the clock is {seconds} s off the time servers ({servers})"]
        ClockRight "SYS-clock-right"
            ["時計が NTP サーバーと再び合っています(差 {seconds} 秒)", "the clock agrees with the time servers again; it is {seconds} s off"]
        ClockUnmeasured "SYS-clock-unmeasured"
            ["{minutes} 分間どの NTP サーバーも答えず、時計のずれを測れません({servers}): {cause}", "no time server has answered for {minutes} min, so that nobody knows whether the clock is right ({servers}): {cause}"]
        ClockMeasured "SYS-clock-measured"
            ["時計を NTP サーバーと {count} 回比べました(最大の差 {seconds} 秒)", "compared the clock with the time servers {count} times; it was at most {seconds} s off"]
        ApiRefused "OPS-api-refused"
            ["{address} からの API の要求を拒否しました(ほか {more} 件)", "refused a request to the API from {address} ({more} more since the last line)"]
        DetectionMarked "OPS-detection"
            ["規則 {rule} の検知({address})により {subject} に印 {mark} を付けました: {line}", "a detection by rule {rule} from {address} put mark {mark} on {subject}: {line}"]
        DetectionHeld "OPS-detection-held"
            ["規則 {rule} の検知({address})が示す {named} には何もしていません: {cause}(ほか {more} 件): {line}", "nothing was done about {named}, which a detection by rule {rule} from {address} names: {cause} ({more} more since the last line): {line}"]
        DetectionForeign "OPS-detection-refused"
            ["{address} からの検知は受け付けません(ほか {more} 件)", "detections from {address} are not taken ({more} more since the last line)"]
        PageLogin "OPS-page-login"
            ["{by}({role})が {address} から操作画面にログインしました", "{by} ({role}) logged in to the page from {address}"]
        BackupDone "OPS-backup"
            ["{path} にバックアップを作り、原本と照合しました(記録 {sequence} まで、{by})", "made a backup at {path} and compared it, up to record {sequence}, by {by}"]
        BackupFailed "OPS-backup-failed"
            ["{path} のバックアップに失敗しました({by}): {cause}", "the backup at {path} failed, by {by}: {cause}"]
        IncidentOpened "INC-opened"
            ["インシデント {incident} を開始しました: {title}({by})", "incident {incident} was opened: {title} (by {by})"]
        IncidentNote "INC-note"
            ["インシデント {incident} に記録しました: {text}({by})", "incident {incident} was noted: {text} (by {by})"]
        IncidentClosed "INC-closed"
            ["インシデント {incident} を終了しました: {ground}({by})", "incident {incident} was closed: {ground} (by {by})"]
        SurveyStranger "SNMP-stranger"
            ["R17: {place} に認証のない MAC {mac} があります(VLAN {vlan}、登録 {asset})", "R17: {mac} is at {place} without a session (VLAN {vlan}, registered as {asset})"]
        SurveyTwoPlaces "SNMP-two-places"
            ["R18: MAC {mac} が {place} と {other} の両方にあります(VLAN {vlan}、登録 {asset})", "R18: {mac} is both at {place} and at {other} (VLAN {vlan}, registered as {asset})"]
        SurveyNeighbour "SNMP-neighbour"
            ["R19: {place} につながる {neighbour} は構成の届け出と異なります(届け出: {expected})", "R19: {neighbour} at {place} is not as declared (declared: {expected})"]
        SurveyOver "SNMP-over"
            ["{rule}: {place} の {subject} は解消しました", "{rule}: {subject} at {place} is over"]
        SurveyUnread "SNMP-unread"
            ["スイッチ {name} の表を SNMP で読めません({fault})。読めない間の R17–R19 は未測定です", "the tables of {name} cannot be read by SNMP ({fault}); meanwhile R17 to R19 are not measured there"]
        SurveyRead "SNMP-read"
            ["スイッチ {switch} の表を再び読んでいます", "the tables of {switch} are read again"]
        SurveyWhole "SNMP-whole"
            ["端末ポートのあるスイッチ {fresh} 台すべての表を読みました(未測定 {stale})。R17 {r17} 件、R18 {r18} 件、R19 {r19} 件", "the tables of all {fresh} switches with edge ports were read ({stale} not); R17: {r17}, R18: {r18}, R19: {r19}"]
        SurveyPart "SNMP-part"
            ["端末ポートのあるスイッチのうち {fresh} 台の表を読みました。{stale} 台は未測定です。R17 {r17} 件、R18 {r18} 件、R19 {r19} 件", "the tables of {fresh} switches with edge ports were read, {stale} are not measured; R17: {r17}, R18: {r18}, R19: {r19}"]
        AlertSinkAway "SYS-alert-sink-away"
            ["警報の送り先 {sink} に送れません。溜めて送り直します: {cause}", "alerts cannot be delivered to {sink}; they wait and are tried again: {cause}"]
        AlertSinkBack "SYS-alert-sink-back"
            ["警報の送り先 {sink} に再び送れます({count} 件を送りました)", "alerts reach {sink} again; {count} that waited were delivered"]
        AlertsLost "SYS-alerts-lost"
            ["警報 {count} 件を {sink} に届けられませんでした: {cause}", "{count} alerts for {sink} were lost: {cause}"]
        SensorStarted "SENSOR-started"
            ["センサー {sensor} を起動しました(インターフェース {interface}、未送信 {waiting} 件)", "the sensor {sensor} started on {interface} with {waiting} observations to send"]
        SensorSaw "SENSOR-saw"
            ["[{kind}] {text}(フレーム {frame}、通し番号 {sequence})", "[{kind}] {text} (frame {frame}, number {sequence})"]
        SensorDropped "SENSOR-dropped"
            ["{interface} でフレーム {count} 個を取りこぼしました", "{count} frames were lost on {interface}"]
        SensorLineAway "SENSOR-line-away"
            ["サーバーに報告できません。溜めて送り直します: {cause}", "the service cannot be reached; reports wait: {cause}"]
        SensorLineBack "SENSOR-line-back"
            ["サーバーに再び報告できます(溜まっている報告 {count} 件)", "the service is reached again; {count} observations wait"]
        SensorRefused "SENSOR-refused"
            ["サーバーが報告 {count} 件を受け取りません: {cause}", "the service takes {count} observations under no circumstances: {cause}"]
        SensorVerdict "SENSOR-verdict"
            ["[{kind}] {text}(場所 {place}、センサー {sensor}、対応 {action}): {signs}", "[{kind}] {text} (at {place}, sensor {sensor}, done: {action}): {signs}"]
        SensorLocated "SENSOR-located"
            ["[{kind}] {text}(スイッチの表によると場所は {place}、センサー {sensor}、対応 {action})", "[{kind}] {text} (by a switch's table at {place}, sensor {sensor}, done: {action})"]
        SensorSign "SENSOR-sign"
            ["兆候 {kind}: {text}({subject}、センサー {sensor})", "sign {kind}: {text} ({subject}, sensor {sensor})"]
        SensorNotice "SENSOR-notice"
            ["[{kind}] {text}(センサー {sensor})", "[{kind}] {text} (sensor {sensor})"]
        SeparationWire "SENSOR-separation-wire"
            ["R02: {text}(フレーム {frames}、センサー {sensor})", "R02: {text} (frames {frames}, sensor {sensor})"]
        SeparationFlow "SENSOR-separation-flow"
            ["R04: {text}(フレーム {frames}、センサー {sensor})", "R04: {text} (frames {frames}, sensor {sensor})"]
        SeparationDevice "SENSOR-separation-device"
            ["R18: {text}(フレーム {frames}、センサー {sensor})", "R18: {text} (frames {frames}, sensor {sensor})"]
        ChangeAccepted "SENSOR-change-accepted"
            ["{by} が {mac} の変化 {change} を正常と認めました: {what}({reason})", "{by} accepted the change {change} of {mac}: {what} ({reason})"]
        ChangeDenied "SENSOR-change-denied"
            ["{by} が {mac} の変化 {change} を認めませんでした: {what}({reason})", "{by} denied the change {change} of {mac}: {what} ({reason})"]
        SensorRemembers "SENSOR-remembers"
            ["センサー {sensor} は端末 {count} 台のふだんの様子を読み込みました", "the sensor {sensor} knows the habits of {count} stations from before"]
        SensorFollows "SENSOR-plan-read"
            ["センサー {sensor} は計画 {plan} に切り替えました({by})", "the sensor {sensor} goes on with the plan {plan}, asked by {by}"]
        SensorFollowsOn "SENSOR-plan-unchanged"
            ["センサー {sensor} の計画に変更はありません({by})", "the plan of the sensor {sensor} is unchanged, asked by {by}"]
        SensorKeeps "SENSOR-plan-refused"
            ["センサー {sensor} は新しい計画を拒否し、これまでの計画のまま続けます({by}): {cause}", "the sensor {sensor} refused the new plan, asked by {by}, and goes on with the one it has: {cause}"]
        SensorDiffers "SENSOR-plan-differs"
            ["センサー {sensor} のファイル({plan})は、サーバーで有効な計画と違います。config/ と topology/ を同じにしてください。これまでの計画のまま続けます", "the files of the sensor {sensor} ({plan}) are not the plan that the service has in force; make config/ and topology/ the same there. It goes on with the plan it has"]
        SensorRestart "SENSOR-restart-needed"
            ["センサー {sensor} のインターフェース、報告先、ログの言語の変更は、再起動後に有効になります", "changes of interface, service or log language of the sensor {sensor} take effect after a restart"]
        SensorMemoryBad "SENSOR-memory-bad"
            ["学習した内容のファイルが使えないため {path} に移し、学習し直します: {cause}", "what was learnt cannot be used and was moved to {path}; learning begins anew: {cause}"]
        SensorForgets "SENSOR-memory-unwritten"
            ["学習した内容を {path} に書けません: {cause}", "what was learnt cannot be written to {path}: {cause}"]
        TripwireStarted "TRIPWIRE-started"
            ["トリップワイヤーの応答を始めました(DNS {dns}、HTTP {http}、ラベル {labels} 件、未送信 {waiting} 件)", "the tripwire answers: DNS on {dns}, HTTP on {http}, {labels} labels, {waiting} hits to send"]
        TripwireHit "TRIPWIRE-hit"
            ["ラベル {label} が {network} から問い合わせられました({by})", "the label {label} was asked for from {network} ({by})"]
        TripwireRead "TRIPWIRE-read"
            ["ラベルのファイルを読み直しました({labels} 件)", "read the file of labels anew: {labels} in force"]
        TripwireUnread "TRIPWIRE-unread"
            ["ラベルのファイルを使えないため、前のまま続けます: {cause}", "the file of labels cannot be used, going on with the one before: {cause}"]
        TripwireUnknown "TRIPWIRE-unknown"
            ["{network} から問い合わせられたラベル {label} は、有効などの端末のものでもありません({why}、{sensor})", "the label {label}, asked for from {network}, is that of no device in force ({why}, {sensor})"]
        TripwireOwn "TRIPWIRE-own"
            ["{asset} のラベルが市自身のネットワーク {network} から問い合わせられました。庁内の DNS にゾーンを置いてください。判定はしません", "the label of {asset} was asked for from {network}, one of the city's own: let the inside DNS hold the zone; it raises no verdict"]
        TripwireRevokedHit "TRIPWIRE-revoked-hit"
            ["取り消し済みのラベルが {network} から問い合わせられました({asset}、{reason})。判定はしません", "a revoked label was asked for from {network} ({asset}: {reason}); it raises no verdict"]
        TripwireRevoked "OPS-tripwire-revoked"
            ["{by} が {asset} のラベルを取り消しました({until} まで): {reason}", "{by} revoked the label of {asset}, until {until}: {reason}"]
        SensorGap "SENSOR-gap"
            ["センサー {sensor} の報告が {count} 件欠けています({first} から)", "{count} observations of the sensor {sensor} are missing, from {first}"]
        SensorFrames "SENSOR-frames-lost"
            ["センサー {sensor} はフレーム {count} 個を取りこぼしました", "the sensor {sensor} lost {count} frames"]
        SensorSilent "SENSOR-silent"
            ["センサー {sensor} から {minutes} 分間何も届いていません", "nothing has come from the sensor {sensor} for {minutes} min"]
        SensorBack "SENSOR-back"
            ["センサー {sensor} から報告が届いています", "the sensor {sensor} reports"]
        Learned "AUTH-learned"
            ["{switch} は Message-Authenticator を送ります。以後は必須とします", "{switch} sends Message-Authenticator; it is required from now on"]
    }
}

impl Event {
    /// How much it matters.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Started
            | Self::Stopped
            | Self::Stopping
            | Self::PlanAccepted
            | Self::PlanUnchanged
            | Self::MarkAdded
            | Self::MarkReleased
            | Self::ControlRequest
            | Self::SessionChanged
            | Self::SessionStays
            | Self::PortBounced
            | Self::EnforceApproved
            | Self::DisconnectOrdered
            | Self::AuthenticatorStarted
            | Self::SwitchBack
            | Self::AlertSinkBack
            | Self::EvidenceSealed
            | Self::PageLogin
            | Self::BackupDone
            | Self::SurveyOver
            | Self::SurveyRead
            | Self::SurveyWhole
            | Self::SurveyPart
            | Self::EvidenceExpired
            | Self::IncidentNote
            | Self::IncidentClosed
            | Self::SensorStarted
            | Self::SensorLineBack
            | Self::SensorSign
            | Self::SensorNotice
            | Self::SensorBack
            | Self::SensorRemembers
            | Self::SensorFollows
            | Self::SensorFollowsOn
            | Self::ChangeAccepted
            | Self::TripwireStarted
            | Self::TripwireRead
            | Self::TripwireUnknown
            | Self::TripwireRevokedHit
            | Self::ClockRight
            | Self::ClockMeasured
            | Self::Learned => Severity::Info,
            Self::LinesMissing
            | Self::PlanSetAside
            | Self::WeakeningAccepted
            | Self::PlanRolledBack
            | Self::RestartNeeded
            | Self::Finding
            | Self::SessionWaits
            | Self::PortBounceFailed
            | Self::SessionsHeld
            | Self::Complaint
            | Self::AlertSinkAway
            | Self::PortDrifted
            | Self::EvidenceRestored
            | Self::ClockBack
            | Self::ClockOff
            | Self::ClockUnmeasured
            | Self::ApiRefused
            | Self::DetectionForeign
            | Self::DetectionMarked
            | Self::SurveyUnread
            | Self::IncidentOpened
            | Self::SensorSaw
            | Self::TripwireHit
            | Self::TripwireOwn
            | Self::TripwireRevoked
            | Self::SensorDropped
            | Self::SensorLineAway
            | Self::SensorGap
            | Self::SensorFrames
            | Self::SensorMemoryBad
            | Self::SensorDiffers
            | Self::SensorRestart
            | Self::SensorForgets
            | Self::ChangeDenied
            | Self::ControlRefused => Severity::Warning,
            Self::StoreFailed
            | Self::DetectionHeld
            | Self::AlertsLost
            | Self::EvidenceSpooling
            | Self::EvidenceUnspooled
            | Self::EvidenceFull
            | Self::EvidenceGap
            | Self::EvidenceDamaged
            | Self::BackupFailed
            | Self::SurveyStranger
            | Self::SurveyTwoPlaces
            | Self::SurveyNeighbour
            | Self::SensorVerdict
            | Self::SensorLocated
            | Self::SeparationWire
            | Self::SeparationFlow
            | Self::SeparationDevice
            | Self::SensorRefused
            | Self::TripwireUnread
            | Self::SensorSilent
            | Self::WorkerFailed
            | Self::SocketFailed
            | Self::SessionStuck
            | Self::PortLeftDown
            | Self::FindingError
            | Self::SwitchLost
            | Self::ApplyFailed
            | Self::PlanRefused
            | Self::SensorKeeps
            | Self::PlanFallback => Severity::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::vocabulary::Language;

    #[test]
    fn events_have_unique_ids_and_the_same_facts_in_both_languages() {
        let mut ids = BTreeSet::new();
        for event in Event::ALL {
            assert!(ids.insert(event.id()));
            let wants = |language| event.text().wants(language).collect::<BTreeSet<_>>();
            assert_eq!(wants(Language::Japanese), wants(Language::English), "{}", event.id());
        }
    }
}
