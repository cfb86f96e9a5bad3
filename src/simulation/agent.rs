//! A switch's SNMP agent: tables by context, answered by version 2c and 3, well-behaved or not.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use crate::wire::snmp::report::Complaint;
use crate::wire::snmp::{
    Binding, CommunityMessage, ErrorStatus, Keys, Oid, Outgoing, Pdu, PduKind, Received, Scoped,
    UserMessage, Value, parse,
};

/// The time window (RFC 3414 §2.2.3), in seconds.
const TIME_WINDOW_S: u32 = 150;
/// Rows answered at once, at most.
const REPETITIONS_MAX: usize = 100;

/// The instances of one context.
pub type Tree = BTreeMap<Oid, Value>;

/// How an agent may err.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vice {
    /// Answers longer than this become tooBig.
    TooBig(usize),
    /// The same, told as genErr (net-snmp 5.9).
    GeneralError(usize),
    /// Every table begins anew at its end.
    Endless,
}

/// An agent.
#[derive(Clone, Debug)]
pub struct SnmpAgent {
    /// The community of version 2c, where it is spoken.
    pub community: Option<Vec<u8>>,
    /// The user of version 3 and its keys at [`SnmpAgent::engine`].
    pub user: Option<(Vec<u8>, Keys)>,
    /// snmpEngineID.
    pub engine: Vec<u8>,
    /// snmpEngineBoots.
    pub boots: u32,
    /// What is to be seen, by context: a `contextName`, or what stands after `@` in a community.
    pub trees: HashMap<Vec<u8>, Tree>,
    /// How it errs.
    pub vice: Option<Vice>,
    /// Requests answered.
    pub answered: u64,
}

impl SnmpAgent {
    /// An agent with nothing to be seen.
    #[must_use]
    pub fn new(engine: &[u8]) -> Self {
        let trees = HashMap::from([(Vec::new(), Tree::new())]);
        let engine = engine.to_vec();
        let (community, user, vice) = (None, None, None);
        Self { community, user, engine, boots: 1, trees, vice, answered: 0 }
    }

    /// What is to be seen in the default context.
    pub fn tree(&mut self) -> &mut Tree {
        self.trees.entry(Vec::new()).or_default()
    }

    /// The answer to a datagram, if there is one. `time` is snmpEngineTime.
    pub fn answer(&mut self, time: u32, datagram: &[u8]) -> Option<Vec<u8>> {
        match parse(datagram).ok()? {
            Received::Community(message) => {
                let known = self.community.as_deref()?;
                let rest = message.community.strip_prefix(known)?;
                let context = match rest.split_first() {
                    None => Vec::new(),
                    Some((b'@', context)) => context.to_vec(),
                    Some(_) => return None,
                };
                let community = message.community;
                let write = |pdu| CommunityMessage { community: community.clone(), pdu }.write();
                self.respond(&context, &message.pdu, &|pdu| write(pdu).ok())
            }
            Received::User(message) => self.user_answer(time, *message, datagram),
        }
    }

    /// RFC 3414 §3.2.
    fn user_answer(&mut self, time: u32, message: UserMessage, datagram: &[u8]) -> Option<Vec<u8>> {
        let complain = |agent: &Self, complaint, keys: Option<&Keys>, id, request_id| {
            let value = Value::Counter32(1);
            let binding = Binding { name: Complaint::name(complaint), value };
            let empty = Pdu::request(PduKind::Report, request_id, Vec::new());
            let pdu = Pdu { bindings: vec![binding], ..empty };
            agent.envelope(time, id, keys, &[]).write(pdu)
        };
        let id = message.id;
        if message.engine != self.engine {
            return complain(self, Complaint::UnknownEngine, None, id, 0);
        }
        let (user, keys) = self.user.clone()?;
        if message.user != user {
            return complain(self, Complaint::UnknownUser, None, id, 0);
        }
        if !message.auth || message.privacy != keys.is_private() {
            return complain(self, Complaint::UnsupportedLevel, None, id, 0);
        }
        if !message.is_authentic(datagram, &keys) {
            return complain(self, Complaint::WrongDigest, None, id, 0);
        }
        if message.boots != self.boots || message.time.abs_diff(time) > TIME_WINDOW_S {
            return complain(self, Complaint::NotInTime, Some(&keys), id, 0);
        }
        let Ok(scoped) = message.open(Some(&keys)) else {
            return complain(self, Complaint::Decryption, None, id, 0);
        };
        let envelope = self.envelope(time, id, Some(&keys), &scoped.context);
        self.respond(&scoped.context, &scoped.pdu, &|pdu| envelope.write(pdu))
    }

    /// What stands around an answer.
    fn envelope(&self, time: u32, id: i32, keys: Option<&Keys>, context: &[u8]) -> Envelope {
        Envelope {
            engine: self.engine.clone(),
            boots: self.boots,
            salt: self.answered,
            user: self.user.as_ref().filter(|_| keys.is_some()).map(|(user, _)| user.clone()),
            keys: keys.cloned(),
            context: context.to_vec(),
            time,
            id,
        }
    }

    fn respond(
        &mut self,
        context: &[u8],
        pdu: &Pdu,
        write: &dyn Fn(Pdu) -> Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        self.answered += 1;
        let empty = Pdu::request(PduKind::Response, pdu.request_id, Vec::new());
        let tree = self.trees.entry(context.to_vec()).or_default();
        let get = |name: &Oid| {
            let value = tree.get(name).cloned().unwrap_or(Value::NoSuchInstance);
            Binding { name: name.clone(), value }
        };
        let endless = self.vice == Some(Vice::Endless);
        let bindings: Vec<Binding> = match pdu.kind {
            PduKind::Get => pdu.bindings.iter().map(|it| get(&it.name)).collect(),
            PduKind::GetNext => {
                pdu.bindings.iter().map(|it| next(tree, &it.name, endless)).collect()
            }
            PduKind::GetBulk => {
                let mut names: Vec<Oid> = pdu.bindings.iter().map(|it| it.name.clone()).collect();
                let times = usize::try_from(pdu.second).unwrap_or(0).min(REPETITIONS_MAX);
                let mut bindings = Vec::new();
                for _ in 0..times {
                    for name in &mut names {
                        let binding = next(tree, name, endless);
                        name.clone_from(&binding.name);
                        bindings.push(binding);
                    }
                }
                bindings
            }
            PduKind::Set => {
                for binding in &pdu.bindings {
                    tree.insert(binding.name.clone(), binding.value.clone());
                }
                pdu.bindings.clone()
            }
            PduKind::Response | PduKind::Inform | PduKind::Trap | PduKind::Report => return None,
        };
        let octets = write(Pdu { bindings, ..empty.clone() })?;
        let (most, error) = match self.vice {
            Some(Vice::TooBig(most)) => (most, ErrorStatus::TooBig),
            Some(Vice::GeneralError(most)) => (most, ErrorStatus::General),
            Some(Vice::Endless) | None => return Some(octets),
        };
        if octets.len() <= most {
            return Some(octets);
        }
        write(Pdu { first: error.number(), ..empty })
    }
}

struct Envelope {
    engine: Vec<u8>,
    boots: u32,
    salt: u64,
    user: Option<Vec<u8>>,
    keys: Option<Keys>,
    context: Vec<u8>,
    time: u32,
    id: i32,
}

impl Envelope {
    fn write(&self, pdu: Pdu) -> Option<Vec<u8>> {
        let (engine, context) = (self.engine.clone(), self.context.clone());
        Outgoing {
            id: self.id,
            reportable: false,
            engine: &self.engine,
            boots: self.boots,
            time: self.time,
            user: self.user.as_deref().unwrap_or_default(),
            keys: self.keys.as_ref(),
            salt: self.salt.to_be_bytes(),
            scoped: &Scoped { engine, context, pdu },
        }
        .write()
        .ok()
    }
}

/// The instance after a name (RFC 3416 §4.2.2).
fn next(tree: &Tree, name: &Oid, endless: bool) -> Binding {
    let after = (Bound::Excluded(name), Bound::Unbounded);
    let found = tree.range::<Oid, _>(after).next();
    let again = || tree.first_key_value().filter(|_| endless);
    match found.or_else(again) {
        Some((name, value)) => Binding { name: name.clone(), value: value.clone() },
        None => Binding { name: name.clone(), value: Value::EndOfMibView },
    }
}
