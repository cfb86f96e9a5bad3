//! What the authenticator tells its surroundings, each id in one registry with both texts.

use crate::vocabulary::{Mac, Timestamp, VlanId, registry};

/// An access port: an index into [`Settings::ports`](super::Settings).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u16);

/// One of the sockets the shell keeps open; see
/// [`Authenticator::sockets`](super::Authenticator::sockets).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Socket {
    /// A source port of its own towards one server.
    Client(u16),
    /// The dynamic authorization service.
    Dynamic,
}

/// What the switch does with the frames of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Applied {
    /// Drops them all.
    Closed,
    /// Carries them untagged in this VLAN.
    Vlan(VlanId),
}

/// Something for the shell to do or to report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Make the switch do this, then call
    /// [`Authenticator::handle_applied`](super::Authenticator::handle_applied). For one port the
    /// next comes only after the last was answered.
    Apply {
        /// The port.
        port: PortId,
        /// What its frames shall meet.
        applied: Applied,
        /// The only source address that may be let in; `None` for any.
        only: Option<Mac>,
    },
    /// Take the link down for a moment, so that the host asks for a new address. The port is
    /// closed already; report the link as it goes and comes.
    Bounce {
        /// The port.
        port: PortId,
    },
    /// A port is no longer what it was.
    Changed(PortStatus, Change),
    /// Something happened that is counted.
    Counted(Counter),
}

/// A port as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortStatus {
    /// The port.
    pub port: PortId,
    /// Its interface.
    pub name: String,
    /// The host: the one admitted, else the one that is being asked about.
    pub mac: Option<Mac>,
    /// What the port is doing.
    pub state: State,
    /// How the host was admitted, or is about to be.
    pub method: Option<Method>,
    /// Where the switch carries its frames.
    pub vlan: Option<VlanId>,
    /// Since when the state is as it is.
    pub since: Timestamp,
    /// Acct-Session-Id of the session.
    pub session: Option<String>,
}

registry! {
    /// How a host comes in.
    Method {
        Dot1x "dot1x" ["802.1X 認証", "802.1X"]
        Mab "mab" ["MAC アドレス認証", "the address alone"]
        Critical "critical" ["認証サーバー停止時の VLAN", "no server could be reached"]
    }
}

registry! {
    /// What a port is doing.
    State {
        Down "down" ["リンクダウン", "no link"]
        Waiting "waiting" ["端末待ち", "waiting for a host to show itself"]
        Connecting "connecting" ["サプリカントの応答待ち", "asking for an identity"]
        Authenticating "authenticating" ["認証中", "authentication is under way"]
        Applying "applying" ["スイッチへ反映中", "waiting for the switch to apply the answer"]
        Authorised "authorised" ["認証済み", "open"]
        Held "held" ["待機中(再試行の抑止)", "closed, and deaf for a while"]
        Unreachable "unreachable" ["認証サーバー応答なし", "closed, no server could be reached"]
    }
}

registry! {
    /// Why a port changed.
    Change {
        LinkUp "link-up" ["リンクアップしました。", "the link came up"]
        LinkDown "link-down" ["リンクダウンしました。", "the link went down"]
        HostSeen "host-seen" ["端末のフレームを受信しました。", "a host showed itself"]
        SupplicantSpoke "supplicant-spoke" ["サプリカントが応答しました。", "a supplicant spoke up"]
        SupplicantSilent "supplicant-silent" ["サプリカントの応答がありません。", "no supplicant answered"]
        Logoff "logoff" ["端末がログオフしました。", "the supplicant logged off"]
        Accepted "accepted" ["サーバーが許可しました。", "the server accepted"]
        Rejected "rejected" ["サーバーが拒否しました。", "the server rejected"]
        Unusable "unusable-answer" ["サーバーの応答に使える VLAN がないか、EAP の手順に合いません。", "the server's answer has no usable VLAN or breaks the conversation"]
        Applied "applied" ["スイッチに反映しました。", "the switch applied the answer"]
        ApplyFailed "apply-failed" ["スイッチに反映できません。", "the switch could not apply the answer"]
        NoServer "no-server" ["どの認証サーバーからも応答がありません。", "no server could be reached"]
        ServerLost "server-lost" ["認証の途中でサーバーの応答がなくなりました。", "the server fell silent in the middle of the conversation"]
        Overload "overload" ["同時に送れる要求の数を超えました。", "more requests at once than can be told apart"]
        Retry "retry" ["待機時間が過ぎたため再試行します。", "the waiting time is over"]
        SessionEnded "session-ended" ["セッションの有効時間が過ぎました。", "the session's time is over"]
        Reauthentication "reauthentication" ["再認証を開始しました。", "authentication begins anew"]
        Disconnected "disconnected" ["Disconnect-Request により切断しました。", "a Disconnect-Request ended the session"]
        Moved "moved" ["CoA-Request により VLAN を変更しました。", "a CoA-Request moved the session"]
        Bounced "bounced" ["CoA-Request によりリンクを入れ直します。", "a CoA-Request bounces the link"]
    }
}

registry! {
    /// What is counted.
    Counter {
        FrameMalformed "frame-malformed" ["形式の誤った EAPOL フレームを破棄しました。", "a malformed EAPOL frame was dropped"]
        FrameNotOurs "frame-not-ours" ["宛先が異なる EAPOL フレームを破棄しました。", "an EAPOL frame for another address was dropped"]
        FrameForged "frame-forged" ["サプリカント側から来た EAP の要求・成功・失敗を無視しました。", "an EAP request, success or failure from the supplicant's side was ignored"]
        FrameFlood "frame-flood" ["EAPOL フレームが多すぎるため破棄しました。", "an EAPOL frame beyond the port's rate was dropped"]
        FrameUnexpected "frame-unexpected" ["現在の状態では不要な EAPOL フレームを無視しました。", "an EAPOL frame that nothing waits for was ignored"]
        FrameUnsupported "frame-unsupported" ["対応していない種別の EAPOL フレームを無視しました。", "an EAPOL frame of a kind not spoken here was ignored"]
        OtherHost "other-host" ["認証済みの端末とは別の MAC アドレスのフレームを検出しました。", "a frame came from another address than the admitted host's"]
        UnknownPort "unknown-port" ["設定にないポートの通知を無視しました。", "a notice about a port that is not configured was ignored"]
        ReplyMalformed "reply-malformed" ["形式の誤った RADIUS 応答を破棄しました。", "a malformed RADIUS reply was dropped"]
        ReplyUnproven "reply-unproven" ["認証子の正しくない RADIUS 応答を破棄しました。", "a RADIUS reply with a wrong authenticator was dropped"]
        ReplyUnexpected "reply-unexpected" ["対応する要求のない RADIUS 応答を破棄しました。", "a RADIUS reply that answers nothing was dropped"]
        Accepted "accepted" ["許可の応答を受けました。", "an Accept came"]
        Rejected "rejected" ["拒否の応答を受けました。", "a Reject came"]
        AnswerBroken "answer-broken" ["EAP の手順に合わない応答のため拒否しました。", "an answer that breaks the EAP conversation was taken as a refusal"]
        VlanAbsent "vlan-absent" ["VLAN のない許可のため拒否しました。", "an Accept without a VLAN was taken as a refusal"]
        VlanUnreadable "vlan-unreadable" ["VLAN の指定が読めない許可のため拒否しました。", "an Accept whose VLAN cannot be read was taken as a refusal"]
        VlanForbidden "vlan-forbidden" ["このスイッチで許していない VLAN のため拒否しました。", "an Accept with a VLAN the switch does not allow was taken as a refusal"]
        ServerSilent "server-silent" ["サーバーが応答しませんでした。", "a server did not answer"]
        NoServer "no-server" ["応答するサーバーがありませんでした。", "no server could be asked"]
        Overload "overload" ["要求が多すぎて送れませんでした。", "a request could not be sent for want of identifiers"]
        ApplyFailed "apply-failed" ["スイッチへの反映に失敗しました。", "the switch could not do what was asked"]
        ApplySilent "apply-silent" ["スイッチへの反映結果が届きません。", "nothing was heard of what the switch was asked"]
        ApplyUnexpected "apply-unexpected" ["求めていない反映結果を無視しました。", "a result that nothing asked for was ignored"]
        AccountingSent "accounting-sent" ["アカウンティング記録が受け取られました。", "an accounting record was acknowledged"]
        AccountingLost "accounting-lost" ["アカウンティング記録を送れずに破棄しました。", "an accounting record was given up"]
        DynamicUnknown "dynamic-unknown-client" ["登録のない送信元の CoA/Disconnect 要求を破棄しました。", "a CoA or Disconnect request from an unknown address was dropped"]
        DynamicMalformed "dynamic-malformed" ["形式の誤った CoA/Disconnect 要求を破棄しました。", "a malformed CoA or Disconnect request was dropped"]
        DynamicUnproven "dynamic-unproven" ["認証子の正しくない CoA/Disconnect 要求を破棄しました。", "a CoA or Disconnect request with a wrong authenticator was dropped"]
        DynamicStale "dynamic-stale" ["時刻が許容範囲にない CoA/Disconnect 要求を破棄しました。", "a CoA or Disconnect request outside the time window was dropped"]
        DynamicDuplicate "dynamic-duplicate" ["再送された CoA/Disconnect 要求に同じ応答を返しました。", "a repeated CoA or Disconnect request got the same answer"]
        DynamicDone "dynamic-done" ["CoA/Disconnect 要求を実行しました。", "a CoA or Disconnect request was carried out"]
        DynamicRefused "dynamic-refused" ["CoA/Disconnect 要求を断りました。", "a CoA or Disconnect request was refused"]
    }
}
