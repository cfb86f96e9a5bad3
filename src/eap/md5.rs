//! EAP-MD5 for switches that wrap MAC addresses in it (EAP-14): one challenge, one answer, no
//! keys. The caller judges whose address it is and whether the switch may do so.

use subtle::ConstantTimeEq as _;

use super::refusal::{EapIgnore, Refusal};
use crate::wire::eap::{
    Code, MD5_OCTETS, Md5Value, Method, Packet, failure, md5_answer, request, success,
};

/// A challenge that awaits its answer.
#[derive(Debug)]
pub struct Md5Challenge {
    identifier: u8,
    challenge: [u8; MD5_OCTETS],
}

/// What came of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Md5Step {
    /// Do nothing: the packet had no effect.
    Ignore(EapIgnore),
    /// Try the candidate passwords on this, then send its [`Md5Answer::success`] or
    /// [`Md5Answer::failure`].
    Answered(Md5Answer),
    /// Send this EAP-Failure.
    Failure {
        /// The packet.
        packet: Vec<u8>,
        /// Why.
        refusal: Refusal,
    },
}

/// A peer's answer to a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Md5Answer {
    identifier: u8,
    challenge: [u8; MD5_OCTETS],
    value: [u8; MD5_OCTETS],
}

impl Md5Challenge {
    /// Answers an identity response with a challenge of random octets; gives the request.
    ///
    /// # Errors
    /// [`EapIgnore`] when the packet is no identity response.
    pub fn begin(
        identity_response: &[u8],
        challenge: [u8; MD5_OCTETS],
    ) -> Result<(Self, Vec<u8>), EapIgnore> {
        let packet = Packet::parse(identity_response).map_err(EapIgnore::Malformed)?;
        if packet.code() != Code::Response {
            return Err(EapIgnore::NotResponse);
        }
        if packet.method() != Some(Method::Identity) {
            return Err(EapIgnore::UnexpectedMethod);
        }
        let identifier = packet.identifier().wrapping_add(1);
        let value = Md5Value { value: &challenge, name: &[] };
        let data = value.to_type_data().unwrap_or_default(); // OK: 16 octets fit
        Ok((Self { identifier, challenge }, request(identifier, Method::Md5, &data)))
    }

    /// Takes the response.
    #[must_use]
    pub fn handle(&self, response: &[u8]) -> Md5Step {
        let packet = match Packet::parse(response) {
            Ok(packet) => packet,
            Err(error) => return Md5Step::Ignore(EapIgnore::Malformed(error)),
        };
        if packet.code() != Code::Response {
            return Md5Step::Ignore(EapIgnore::NotResponse);
        }
        if packet.identifier() != self.identifier {
            return Md5Step::Ignore(EapIgnore::WrongIdentifier);
        }
        let refuse = |refusal| Md5Step::Failure { packet: failure(self.identifier), refusal };
        match packet.method() {
            Some(Method::Md5) => {}
            Some(Method::Nak) => return refuse(Refusal::MethodRefused),
            _ => return Md5Step::Ignore(EapIgnore::UnexpectedMethod),
        }
        let value = Md5Value::parse(packet.type_data()).and_then(|md5| md5.value.try_into().ok());
        match value {
            Some(value) => Md5Step::Answered(Md5Answer {
                identifier: self.identifier,
                challenge: self.challenge,
                value,
            }),
            None => refuse(Refusal::PasswordWrong),
        }
    }
}

impl Md5Answer {
    /// Whether the peer knows this password. Constant time in the answer.
    #[must_use]
    pub fn matches(&self, password: &[u8]) -> bool {
        md5_answer(self.identifier, password, &self.challenge).ct_eq(&self.value).into()
    }

    /// The EAP-Success that ends the conversation.
    #[must_use]
    pub fn success(&self) -> Vec<u8> {
        success(self.identifier)
    }

    /// The EAP-Failure that ends the conversation.
    #[must_use]
    pub fn failure(&self) -> Vec<u8> {
        failure(self.identifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::eap::response;

    fn challenged() -> Md5Challenge {
        let identity = response(9, Method::Identity, b"001122aabbcc");
        let (challenge, request) = Md5Challenge::begin(&identity, [7; 16]).unwrap();
        let request = Packet::parse(&request).unwrap();
        assert_eq!((request.identifier(), request.method()), (10, Some(Method::Md5)));
        assert_eq!(Md5Value::parse(request.type_data()).unwrap().value, [7; 16]);
        challenge
    }

    fn answer(identifier: u8, value: &[u8]) -> Vec<u8> {
        let data = Md5Value { value, name: b"switch" }.to_type_data().unwrap();
        response(identifier, Method::Md5, &data)
    }

    #[test]
    fn eap_14_an_answer_matches_only_its_password() {
        let digest = md5_answer(10, b"001122aabbcc", &[7; 16]);
        let Md5Step::Answered(answer) = challenged().handle(&answer(10, &digest)) else {
            panic!("not answered");
        };
        assert!(answer.matches(b"001122aabbcc"));
        assert!(!answer.matches(b"001122AABBCC"));
        assert_eq!(answer.success(), [3, 10, 0, 4]);
        assert_eq!(answer.failure(), [4, 10, 0, 4]);
    }

    #[test]
    fn eap_14_wrong_lengths_end_and_strange_packets_are_dropped() {
        let failed = |refusal| Md5Step::Failure { packet: failure(10), refusal };
        for (packet, step) in [
            (answer(10, &[1; 15]), failed(Refusal::PasswordWrong)),
            (answer(10, &[1; 17]), failed(Refusal::PasswordWrong)),
            (response(10, Method::Md5, &[]), failed(Refusal::PasswordWrong)),
            (response(10, Method::Nak, &[13]), failed(Refusal::MethodRefused)),
            (answer(11, &[1; 16]), Md5Step::Ignore(EapIgnore::WrongIdentifier)),
            (response(10, Method::Tls, &[0]), Md5Step::Ignore(EapIgnore::UnexpectedMethod)),
            (request(10, Method::Md5, &[0]), Md5Step::Ignore(EapIgnore::NotResponse)),
        ] {
            assert_eq!(challenged().handle(&packet), step);
        }
    }
}
