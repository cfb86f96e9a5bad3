//! Protocol data units and their variable bindings (RFC 3416 §3).

use rasn::types::{Integer, ObjectIdentifier};
use rasn_smi::v1::{Counter, Gauge, IpAddress, TimeTicks};
use rasn_smi::v2::{ApplicationSyntax, Counter64, ObjectSyntax, SimpleSyntax};
use rasn_snmp::v2::{self, BulkPdu, Pdus, VarBind, VarBindValue};

use super::{BINDINGS_MAX, Malformed, Oid};

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PduKind {
    /// GetRequest.
    Get,
    /// GetNextRequest.
    GetNext,
    /// Response.
    Response,
    /// SetRequest.
    Set,
    /// GetBulkRequest.
    GetBulk,
    /// InformRequest: a trap that wants an answer.
    Inform,
    /// SNMPv2-Trap.
    Trap,
    /// Report (RFC 3412 §7.1).
    Report,
}

/// error-status (RFC 3416 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorStatus {
    /// noError (0).
    None,
    /// tooBig (1).
    TooBig,
    /// genErr (5); some agents also answer it where tooBig is meant.
    General,
    /// noAccess (6).
    NoAccess,
    /// authorizationError (16).
    Authorization,
    /// notWritable (17).
    NotWritable,
    /// Any other number.
    Unknown(u32),
}

impl ErrorStatus {
    fn from_number(number: u32) -> Self {
        match number {
            0 => Self::None,
            1 => Self::TooBig,
            5 => Self::General,
            6 => Self::NoAccess,
            16 => Self::Authorization,
            17 => Self::NotWritable,
            other => Self::Unknown(other),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::None => 0,
            Self::TooBig => 1,
            Self::General => 5,
            Self::NoAccess => 6,
            Self::Authorization => 16,
            Self::NotWritable => 17,
            Self::Unknown(number) => number,
        }
    }
}

/// The value of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// INTEGER; Integer32 in every MIB, kept wider because agents err.
    Integer(i64),
    /// OCTET STRING.
    Octets(Vec<u8>),
    /// OBJECT IDENTIFIER.
    Oid(Oid),
    /// `IpAddress`.
    Address([u8; 4]),
    /// Counter32.
    Counter32(u32),
    /// Gauge32, Unsigned32.
    Gauge32(u32),
    /// `TimeTicks`, hundredths of a second.
    Ticks(u32),
    /// Opaque.
    Opaque(Vec<u8>),
    /// Counter64.
    Counter64(u64),
    /// No value, in a request.
    Unspecified,
    /// There is no such object.
    NoSuchObject,
    /// There is no such instance.
    NoSuchInstance,
    /// The table, and everything behind it, is at its end.
    EndOfMibView,
}

impl Value {
    /// The number, of any of the types that hold one.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Integer(value) => u64::try_from(*value).ok(),
            Self::Counter32(value) | Self::Gauge32(value) | Self::Ticks(value) => {
                Some(u64::from(*value))
            }
            Self::Counter64(value) => Some(*value),
            Self::Octets(_) | Self::Oid(_) | Self::Address(_) | Self::Opaque(_) => None,
            Self::Unspecified | Self::NoSuchObject | Self::NoSuchInstance | Self::EndOfMibView => {
                None
            }
        }
    }

    /// The octets of an OCTET STRING.
    #[must_use]
    pub fn octets(&self) -> Option<&[u8]> {
        match self {
            Self::Octets(octets) => Some(octets),
            _ => None,
        }
    }
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The instance.
    pub name: Oid,
    /// Its value.
    pub value: Value,
}

/// Why bindings cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingFault;

/// A protocol data unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// What it is.
    pub kind: PduKind,
    /// By which an answer finds its question.
    pub request_id: i32,
    /// error-status; non-repeaters of a GetBulk.
    pub first: u32,
    /// error-index; max-repetitions of a GetBulk.
    pub second: u32,
    /// The bindings, in order.
    pub bindings: Vec<Binding>,
}

impl Pdu {
    /// A request of that kind about those names, without values.
    #[must_use]
    pub fn request(kind: PduKind, request_id: i32, names: Vec<Oid>) -> Self {
        let binding = |name| Binding { name, value: Value::Unspecified };
        let bindings = names.into_iter().map(binding).collect();
        Self { kind, request_id, first: 0, second: 0, bindings }
    }

    /// A GetBulk over those names, all of them repeaters.
    #[must_use]
    pub fn bulk(request_id: i32, repetitions: u32, names: Vec<Oid>) -> Self {
        Self { second: repetitions, ..Self::request(PduKind::GetBulk, request_id, names) }
    }

    /// error-status of an answer.
    #[must_use]
    pub fn error(&self) -> ErrorStatus {
        ErrorStatus::from_number(self.first)
    }

    pub(super) fn read(pdus: Pdus) -> Result<Self, Malformed> {
        let (kind, pdu) = match pdus {
            Pdus::GetRequest(pdu) => (PduKind::Get, pdu.0),
            Pdus::GetNextRequest(pdu) => (PduKind::GetNext, pdu.0),
            Pdus::Response(pdu) => (PduKind::Response, pdu.0),
            Pdus::SetRequest(pdu) => (PduKind::Set, pdu.0),
            Pdus::InformRequest(pdu) => (PduKind::Inform, pdu.0),
            Pdus::Trap(pdu) => (PduKind::Trap, pdu.0),
            Pdus::Report(pdu) => (PduKind::Report, pdu.0),
            Pdus::GetBulkRequest(v2::GetBulkRequest(pdu)) => {
                let bindings = bindings(pdu.variable_bindings)?;
                let (first, second) = (pdu.non_repeaters, pdu.max_repetitions);
                let (kind, request_id) = (PduKind::GetBulk, pdu.request_id);
                return Ok(Self { kind, request_id, first, second, bindings });
            }
        };
        let (first, second) = (pdu.error_status, pdu.error_index);
        let bindings = bindings(pdu.variable_bindings)?;
        Ok(Self { kind, request_id: pdu.request_id, first, second, bindings })
    }

    pub(super) fn write(&self) -> Result<Pdus, BindingFault> {
        let variable_bindings =
            self.bindings.iter().map(write_binding).collect::<Result<Vec<_>, _>>()?;
        let pdu = v2::Pdu {
            request_id: self.request_id,
            error_status: self.first,
            error_index: self.second,
            variable_bindings,
        };
        Ok(match self.kind {
            PduKind::Get => Pdus::GetRequest(v2::GetRequest(pdu)),
            PduKind::GetNext => Pdus::GetNextRequest(v2::GetNextRequest(pdu)),
            PduKind::Response => Pdus::Response(v2::Response(pdu)),
            PduKind::Set => Pdus::SetRequest(v2::SetRequest(pdu)),
            PduKind::Inform => Pdus::InformRequest(v2::InformRequest(pdu)),
            PduKind::Trap => Pdus::Trap(v2::Trap(pdu)),
            PduKind::Report => Pdus::Report(v2::Report(pdu)),
            PduKind::GetBulk => Pdus::GetBulkRequest(v2::GetBulkRequest(BulkPdu {
                request_id: pdu.request_id,
                non_repeaters: pdu.error_status,
                max_repetitions: pdu.error_index,
                variable_bindings: pdu.variable_bindings,
            })),
        })
    }
}

fn bindings(list: Vec<VarBind>) -> Result<Vec<Binding>, Malformed> {
    if list.len() > BINDINGS_MAX {
        return Err(Malformed::Bounds);
    }
    list.into_iter().map(read_binding).collect()
}

fn read_name(name: &ObjectIdentifier) -> Result<Oid, Malformed> {
    Oid::new(name.to_vec()).ok_or(Malformed::Bounds)
}

fn read_binding(binding: VarBind) -> Result<Binding, Malformed> {
    let value = match binding.value {
        VarBindValue::Unspecified => Value::Unspecified,
        VarBindValue::NoSuchObject => Value::NoSuchObject,
        VarBindValue::NoSuchInstance => Value::NoSuchInstance,
        VarBindValue::EndOfMibView => Value::EndOfMibView,
        VarBindValue::Value(value) => read_value(value)?,
    };
    Ok(Binding { name: read_name(&binding.name)?, value })
}

fn read_value(value: ObjectSyntax) -> Result<Value, Malformed> {
    Ok(match value {
        ObjectSyntax::Simple(SimpleSyntax::Integer(number)) => {
            Value::Integer(i64::try_from(number).map_err(|_| Malformed::Fields)?)
        }
        ObjectSyntax::Simple(SimpleSyntax::String(octets)) => Value::Octets(octets.to_vec()),
        ObjectSyntax::Simple(SimpleSyntax::ObjectId(name)) => Value::Oid(read_name(&name)?),
        ObjectSyntax::ApplicationWide(value) => match value {
            ApplicationSyntax::Address(IpAddress(octets)) => Value::Address(*octets),
            ApplicationSyntax::Counter(Counter(number)) => Value::Counter32(number),
            ApplicationSyntax::Ticks(TimeTicks(number)) => Value::Ticks(number),
            ApplicationSyntax::Arbitrary(opaque) => Value::Opaque(opaque.as_ref().to_vec()),
            ApplicationSyntax::BigCounter(Counter64(number)) => Value::Counter64(number),
            ApplicationSyntax::Unsigned(Gauge(number)) => Value::Gauge32(number),
        },
    })
}

fn write_name(name: &Oid) -> Result<ObjectIdentifier, BindingFault> {
    ObjectIdentifier::new(name.arcs().to_vec()).ok_or(BindingFault)
}

fn write_binding(binding: &Binding) -> Result<VarBind, BindingFault> {
    let value = match &binding.value {
        Value::Unspecified => VarBindValue::Unspecified,
        Value::NoSuchObject => VarBindValue::NoSuchObject,
        Value::NoSuchInstance => VarBindValue::NoSuchInstance,
        Value::EndOfMibView => VarBindValue::EndOfMibView,
        // Nobody is ever sent an Opaque (RFC 2578 §7.1.9 deprecates it).
        Value::Opaque(_) => return Err(BindingFault),
        value => VarBindValue::Value(write_value(value)?),
    };
    Ok(VarBind { name: write_name(&binding.name)?, value })
}

fn write_value(value: &Value) -> Result<ObjectSyntax, BindingFault> {
    let application = match value {
        Value::Integer(number) => {
            return Ok(ObjectSyntax::Simple(SimpleSyntax::Integer(Integer::from(*number))));
        }
        Value::Octets(octets) => {
            return Ok(ObjectSyntax::Simple(SimpleSyntax::String(octets.clone().into())));
        }
        Value::Oid(name) => {
            return Ok(ObjectSyntax::Simple(SimpleSyntax::ObjectId(write_name(name)?)));
        }
        Value::Address(octets) => ApplicationSyntax::Address(IpAddress((*octets).into())),
        Value::Counter32(number) => ApplicationSyntax::Counter(Counter(*number)),
        Value::Gauge32(number) => ApplicationSyntax::Unsigned(Gauge(*number)),
        Value::Ticks(number) => ApplicationSyntax::Ticks(TimeTicks(*number)),
        Value::Counter64(number) => ApplicationSyntax::BigCounter(Counter64(*number)),
        Value::Opaque(_)
        | Value::Unspecified
        | Value::NoSuchObject
        | Value::NoSuchInstance
        | Value::EndOfMibView => return Err(BindingFault),
    };
    Ok(ObjectSyntax::ApplicationWide(application))
}
