//! A profile for tests to change: the simplest model there could be.

use std::time::Duration;

use super::*;

impl Profile {
    /// A plain profile.
    pub(crate) fn plain() -> Self {
        let hyphens = MacSpelling::from_example("00-11-22-aa-bb-cc").unwrap();
        Self {
            id: "model".to_owned(),
            vendor: String::new(),
            models: Vec::new(),
            source: String::new(),
            request: Request {
                mab_forms: vec![MabForm::Pap],
                mab_marker: MabMarker::UserEqualsCalling,
                mab_password: MabPassword::SameAsUser,
                user_mac: MacSpelling::from_example("0011.22aa.bbcc").unwrap(),
                user_affix: UserAffix {
                    prefix: String::new(),
                    suffix: String::new(),
                    realm: RealmRule::Refuse,
                },
                calling: CallingStation { attribute: 31, mac: hyphens, may_be_absent: false },
                called: CalledStation { attribute: 30, carries: CalledCarries::BridgeMac },
                nas_identifier: NasIdentifier::Name,
                message_authenticator: MessageAuthenticator::Require,
            },
            port: PortNaming { decode: PortDecode::NasPortId, strip: ".0".to_owned(), name: None },
            reply: Reply {
                vlan: VlanMeans::Tunnel,
                vlan_tag: VlanTag::None,
                vlan_text: VlanText::Decimal,
                forbidden_vlans: Vec::new(),
                filter: FilterMeans::None,
                session_timeout: Duration::ZERO,
                termination_action: TerminationAction::Default,
                omit: Vec::new(),
            },
            enforce: Enforce {
                means: Vec::new(),
                coa: Coa {
                    port: 0,
                    keys: Vec::new(),
                    mac: None,
                    event_timestamp: false,
                    message_authenticator: false,
                    ack: Vec::new(),
                    bounce: None,
                },
            },
            behaviour: Behaviour {
                vlans_per_port: VlansPerPort::One,
                host_mode: HostMode::Single,
                server_dead: ServerDead::Closed,
                request_timeout: Duration::from_secs(5),
                retries: 2,
                accounting: Accounting { start_stop: false, interim: Duration::ZERO },
                quirks: Vec::new(),
            },
            snmp: None,
            at: Origin { file: "config/profiles/model.toml".into(), line: 1 },
        }
    }
}
