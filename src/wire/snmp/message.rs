//! Messages: the envelope of version 2c (RFC 1901 §3) and that of version 3 (RFC 3412 §6) with
//! its security parameters (RFC 3414 §2.4).

use std::ops::Range;

use rasn::types::{Integer, OctetString};
use rasn_snmp::v3::{HeaderData, ScopedPdu, ScopedPduData, USMSecurityParameters};
use rasn_snmp::{v2::Pdus, v2c, v3};

use super::{BindingFault, ENGINE_ID_OCTETS, Keys, MESSAGE_OCTETS_MAX, Malformed, Pdu};

const VERSION_2C: u8 = 1;
const VERSION_3: u8 = 3;
/// msgSecurityModel of the user-based security model (RFC 3414 §2.5).
const MODEL_USM: u32 = 3;
/// Bits of msgFlags (RFC 3412 §6.4).
const FLAG_AUTH: u8 = 1;
const FLAG_PRIVACY: u8 = 2;
const FLAG_REPORTABLE: u8 = 4;
/// msgMaxSize at least (RFC 3412 §6).
const MAX_SIZE_MIN: u32 = 484;
/// Octets of a user's name (RFC 3414 §2.4).
const USER_OCTETS_MAX: usize = 32;
/// Octets of a context's name (RFC 3411 §5, SnmpAdminString of that use).
const CONTEXT_OCTETS_MAX: usize = 255;

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Version 2c.
    Community(CommunityMessage),
    /// Version 3.
    User(Box<UserMessage>),
}

/// A message of version 2c: whoever knows the community is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommunityMessage {
    /// The community, a password sent in clear.
    pub community: Vec<u8>,
    /// What it says.
    pub pdu: Pdu,
}

impl CommunityMessage {
    /// The octets of the message.
    ///
    /// # Errors
    /// [`BindingFault`] for values that are never sent.
    pub fn write(&self) -> Result<Vec<u8>, BindingFault> {
        let message = v2c::Message {
            version: Integer::from(VERSION_2C),
            community: OctetString::from(self.community.as_slice()),
            data: self.pdu.write()?,
        };
        rasn::ber::encode(&message).map_err(|_| BindingFault)
    }
}

/// What the user-based security model protects: a unit and the context it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scoped {
    /// contextEngineID.
    pub engine: Vec<u8>,
    /// contextName; empty for the default one.
    pub context: Vec<u8>,
    /// What it says.
    pub pdu: Pdu,
}

/// A message of version 3 as it came, nothing in it proven yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserMessage {
    /// msgID, by which an answer finds its question.
    pub id: i32,
    /// Whether it claims to be authenticated.
    pub auth: bool,
    /// Whether it is encrypted.
    pub privacy: bool,
    /// Whether a Report may be sent in answer.
    pub reportable: bool,
    /// msgAuthoritativeEngineID.
    pub engine: Vec<u8>,
    /// msgAuthoritativeEngineBoots.
    pub boots: u32,
    /// msgAuthoritativeEngineTime, in seconds.
    pub time: u32,
    /// msgUserName.
    pub user: Vec<u8>,
    /// Where in the datagram the tag stands.
    tag: Range<usize>,
    salt: Vec<u8>,
    data: Data,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Data {
    Plain(Scoped),
    Encrypted(Vec<u8>),
}

impl UserMessage {
    /// Whether the datagram that this message was read from bears the tag of these keys.
    #[must_use]
    pub fn is_authentic(&self, datagram: &[u8], keys: &Keys) -> bool {
        let parts = (
            datagram.get(..self.tag.start),
            datagram.get(self.tag.clone()),
            datagram.get(self.tag.end..),
        );
        let (Some(before), Some(tag), Some(after)) = parts else { return false };
        let zeros = vec![0; tag.len()];
        self.auth && keys.is_tag(tag, &[before, &zeros, after])
    }

    /// What it says, decrypted where it is encrypted. Authenticity is another question.
    ///
    /// # Errors
    /// [`Malformed`] when it is encrypted and these are not the keys, or none are given.
    pub fn open(self, keys: Option<&Keys>) -> Result<Scoped, Malformed> {
        match self.data {
            Data::Plain(scoped) => Ok(scoped),
            Data::Encrypted(mut octets) => {
                let keys = keys.filter(|keys| keys.is_private()).ok_or(Malformed::Fields)?;
                let salt = self.salt.try_into().map_err(|_| Malformed::Fields)?;
                keys.decrypt(self.boots, self.time, salt, &mut octets);
                let scoped = rasn::ber::decode(&octets).map_err(|_| Malformed::Encoding)?;
                read_scoped(scoped)
            }
        }
    }
}

/// A message of version 3 to be written.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// msgID.
    pub id: i32,
    /// Whether a Report may be sent in answer.
    pub reportable: bool,
    /// msgAuthoritativeEngineID; empty to ask for it (RFC 3414 §4).
    pub engine: &'a [u8],
    /// msgAuthoritativeEngineBoots.
    pub boots: u32,
    /// msgAuthoritativeEngineTime, in seconds.
    pub time: u32,
    /// msgUserName.
    pub user: &'a [u8],
    /// The user's keys at that engine; `None` sends in clear, without a tag.
    pub keys: Option<&'a Keys>,
    /// Never used before with the same keys (RFC 3826 §3.1.2.1).
    pub salt: [u8; 8],
    /// What is said.
    pub scoped: &'a Scoped,
}

impl Outgoing<'_> {
    /// The octets of the message.
    ///
    /// # Errors
    /// [`BindingFault`] for values that are never sent.
    pub fn write(&self) -> Result<Vec<u8>, BindingFault> {
        let privacy = self.keys.filter(|keys| keys.is_private());
        let scoped = ScopedPdu {
            engine_id: OctetString::from(self.scoped.engine.as_slice()),
            name: OctetString::from(self.scoped.context.as_slice()),
            data: self.scoped.pdu.write()?,
        };
        let scoped_data = match privacy {
            None => ScopedPduData::CleartextPdu(scoped),
            Some(keys) => {
                let mut octets = rasn::ber::encode(&scoped).map_err(|_| BindingFault)?;
                keys.encrypt(self.boots, self.time, self.salt, &mut octets);
                ScopedPduData::EncryptedPdu(octets.into())
            }
        };
        let tag_octets = self.keys.map_or(0, |keys| keys.auth().tag_octets());
        let security = USMSecurityParameters {
            authoritative_engine_id: OctetString::from(self.engine),
            authoritative_engine_boots: Integer::from(self.boots),
            authoritative_engine_time: Integer::from(self.time),
            user_name: OctetString::from(self.user),
            authentication_parameters: OctetString::from(vec![0; tag_octets]),
            privacy_parameters: match privacy {
                Some(_) => OctetString::from(self.salt.as_slice()),
                None => OctetString::from(Vec::new()),
            },
        };
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(self.keys.is_some(), FLAG_AUTH)
            | flag(privacy.is_some(), FLAG_PRIVACY)
            | flag(self.reportable, FLAG_REPORTABLE);
        let message = v3::Message {
            version: Integer::from(VERSION_3),
            global_data: HeaderData {
                message_id: Integer::from(self.id),
                max_size: Integer::from(MESSAGE_OCTETS_MAX as u64),
                flags: OctetString::from(vec![flags]),
                security_model: Integer::from(MODEL_USM),
            },
            security_parameters: rasn::ber::encode(&security).map_err(|_| BindingFault)?.into(),
            scoped_data,
        };
        let mut octets = rasn::ber::encode(&message).map_err(|_| BindingFault)?;
        if let Some(keys) = self.keys {
            let tag = keys.tag(&[&octets]);
            let place = tag_place(&octets).ok_or(BindingFault)?;
            octets.get_mut(place).ok_or(BindingFault)?.copy_from_slice(&tag);
        }
        Ok(octets)
    }
}

/// Reads a message of version 2c or 3.
///
/// # Errors
/// [`Malformed`].
pub fn parse(datagram: &[u8]) -> Result<Received, Malformed> {
    if datagram.len() > MESSAGE_OCTETS_MAX {
        return Err(Malformed::Long);
    }
    let outer = element(datagram, 0, SEQUENCE).ok_or(Malformed::Encoding)?;
    if outer.end != datagram.len() {
        return Err(Malformed::Encoding);
    }
    let version = element(datagram, outer.start, INTEGER).ok_or(Malformed::Encoding)?;
    match datagram.get(version) {
        Some([VERSION_2C]) => {
            let message: v2c::Message<Pdus> = decode(datagram)?;
            let community = message.community.to_vec();
            Ok(Received::Community(CommunityMessage { community, pdu: Pdu::read(message.data)? }))
        }
        Some([VERSION_3]) => user_message(datagram).map(Box::new).map(Received::User),
        Some(_) | None => Err(Malformed::Version),
    }
}

fn decode<T: rasn::Decode>(octets: &[u8]) -> Result<T, Malformed> {
    rasn::ber::decode(octets).map_err(|_| Malformed::Encoding)
}

/// A non-negative number of 31 bits (RFC 3412 §6, RFC 3414 §2.4).
fn number(value: &Integer) -> Result<u32, Malformed> {
    i32::try_from(value).ok().and_then(|value| u32::try_from(value).ok()).ok_or(Malformed::Fields)
}

fn user_message(datagram: &[u8]) -> Result<UserMessage, Malformed> {
    let message: v3::Message = decode(datagram)?;
    let header = message.global_data;
    if number(&header.security_model)? != MODEL_USM {
        return Err(Malformed::SecurityModel);
    }
    let id = i32::try_from(number(&header.message_id)?).map_err(|_| Malformed::Fields)?;
    let [flags] = *header.flags else { return Err(Malformed::Fields) };
    let set = |bit: u8| flags & bit != 0;
    let (auth, privacy) = (set(FLAG_AUTH), set(FLAG_PRIVACY));
    // Privacy without authentication is no level (RFC 3412 §7.2 5d).
    if number(&header.max_size)? < MAX_SIZE_MIN || (privacy && !auth) {
        return Err(Malformed::Fields);
    }
    let security: USMSecurityParameters = decode(&message.security_parameters)?;
    let engine = security.authoritative_engine_id.to_vec();
    let (boots, time) = (
        number(&security.authoritative_engine_boots)?,
        number(&security.authoritative_engine_time)?,
    );
    let user = security.user_name.to_vec();
    let known =
        engine.is_empty() || (ENGINE_ID_OCTETS.0..=ENGINE_ID_OCTETS.1).contains(&engine.len());
    if !known || user.len() > USER_OCTETS_MAX {
        return Err(Malformed::Fields);
    }
    // The tag is verified over the octets received, so both readings must mean the same octets.
    let tag = tag_place(datagram).ok_or(Malformed::Encoding)?;
    if datagram.get(tag.clone()) != Some(&*security.authentication_parameters) {
        return Err(Malformed::Encoding);
    }
    let data = match message.scoped_data {
        ScopedPduData::CleartextPdu(scoped) if !privacy => Data::Plain(read_scoped(scoped)?),
        ScopedPduData::EncryptedPdu(octets) if privacy => Data::Encrypted(octets.to_vec()),
        ScopedPduData::CleartextPdu(_) | ScopedPduData::EncryptedPdu(_) => {
            return Err(Malformed::Fields);
        }
    };
    let salt = security.privacy_parameters.to_vec();
    let reportable = set(FLAG_REPORTABLE);
    Ok(UserMessage { id, auth, privacy, reportable, engine, boots, time, user, tag, salt, data })
}

fn read_scoped(scoped: ScopedPdu) -> Result<Scoped, Malformed> {
    let (engine, context) = (scoped.engine_id.to_vec(), scoped.name.to_vec());
    if context.len() > CONTEXT_OCTETS_MAX || engine.len() > ENGINE_ID_OCTETS.1 {
        return Err(Malformed::Fields);
    }
    Ok(Scoped { engine, context, pdu: Pdu::read(scoped.data)? })
}

/// Where the content of the element of that type at `at` stands; only definite lengths, as SNMP
/// demands (RFC 3417 §8).
fn element(octets: &[u8], at: usize, tag: u8) -> Option<Range<usize>> {
    let rest = octets.get(at..)?;
    let (found, rest) = rest.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, header) = match first {
        0..=0x7f => (usize::from(*first), 2),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let length = rest.get(..count)?.iter().fold(0, |sum, it| sum << 8 | usize::from(*it));
            (length, 2 + count)
        }
        _ => return None,
    };
    let start = at.checked_add(header)?;
    let end = start.checked_add(length)?;
    (*found == tag && end <= octets.len()).then_some(start..end)
}

/// Where msgAuthenticationParameters stands in a message of version 3.
fn tag_place(octets: &[u8]) -> Option<Range<usize>> {
    let message = element(octets, 0, SEQUENCE)?;
    let version = element(octets, message.start, INTEGER)?;
    let header = element(octets, version.end, SEQUENCE)?;
    let security = element(octets, header.end, OCTETS)?;
    let fields = element(octets, security.start, SEQUENCE)?;
    let engine = element(octets, fields.start, OCTETS)?;
    let boots = element(octets, engine.end, INTEGER)?;
    let time = element(octets, boots.end, INTEGER)?;
    let user = element(octets, time.end, OCTETS)?;
    let tag = element(octets, user.end, OCTETS)?;
    (tag.end <= fields.end).then_some(tag)
}
