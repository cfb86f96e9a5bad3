//! The chain of hashes over the records of one node, its daily seals, and who checks them.
//!
//! `hash(i) = SHA-256(domain ‖ hash(i-1) ‖ length ‖ body(i))`. Within the chain any change,
//! deletion, insertion or reordering shows. What the chain alone cannot show: that the newest
//! records were cut off after the last seal that left this machine, and a rewriting by whoever
//! holds the signing key.

use ring::signature::{ED25519, UnparsedPublicKey};

use crate::vocabulary::{Fact, Language, registry};

/// SHA-256.
pub const DIGEST_OCTETS: usize = 32;
/// A hash of the chain.
pub type Digest = [u8; DIGEST_OCTETS];
/// What the first record of a node is chained to.
pub const GENESIS: Digest = [0; DIGEST_OCTETS];

/// Keeps a hash over records from ever being one over something else.
const RECORD_DOMAIN: &[u8] = b"sekisho-record-1";
const SEAL_DOMAIN: &[u8] = b"sekisho-seal-1";

/// The end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last record; 0 before the first.
    pub sequence: u64,
    /// Its hash.
    pub hash: Digest,
}

impl Head {
    /// Before the first record.
    pub const START: Self = Self { sequence: 0, hash: GENESIS };

    /// The head after one more record.
    #[must_use]
    pub fn after(&self, body: &[u8]) -> Self {
        Self { sequence: self.sequence + 1, hash: digest(&self.hash, body) }
    }
}

/// The hash of a record behind one with that hash.
#[must_use]
pub fn digest(before: &Digest, body: &[u8]) -> Digest {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(RECORD_DOMAIN);
    context.update(before);
    context.update(&(body.len() as u64).to_be_bytes());
    context.update(body);
    octets(context.finish().as_ref())
}

fn octets(found: &[u8]) -> Digest {
    let mut digest = GENESIS;
    digest.iter_mut().zip(found).for_each(|(own, other)| *own = *other);
    digest
}

/// A day's records, closed and signed (Ed25519, RFC 8032).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The node.
    pub node: String,
    /// The day in Japan: `2026-11-23`.
    pub day: String,
    /// The first record's number.
    pub first: u64,
    /// The last record's number.
    pub last: u64,
    /// The hash that the first record is chained to.
    pub before: Digest,
    /// The hash of the last record.
    pub head: Digest,
    /// Over [`Seal::message`]; empty while unsigned.
    pub signature: Vec<u8>,
}

impl Seal {
    /// The octets that are signed.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut message = SEAL_DOMAIN.to_vec();
        for text in [&self.node, &self.day] {
            message.extend((text.len() as u64).to_be_bytes());
            message.extend(text.as_bytes());
        }
        message.extend(self.first.to_be_bytes());
        message.extend(self.last.to_be_bytes());
        message.extend(self.before);
        message.extend(self.head);
        message
    }

    /// Whether the signature is of this public key (32 octets).
    #[must_use]
    pub fn is_signed_by(&self, key: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, key).verify(&self.message(), &self.signature).is_ok()
    }
}

registry! {
    /// How a chain is broken.
    BrokenKind {
        Changed "changed"
            ["記録 {sequence} の内容がハッシュと一致しません(書き換え)", "record {sequence} does not match its hash: it was changed"]
        Missing "missing"
            ["記録 {sequence} から {last} までがありません(欠落)", "records {sequence} to {last} are missing"]
        Misplaced "misplaced"
            ["記録 {sequence} の位置が正しくありません(挿入または入れ替え)", "record {sequence} stands where it does not belong: inserted or reordered"]
        SealWrong "seal-wrong"
            ["{day} の封印が記録 {sequence} までの内容と一致しません", "the seal of {day} does not match the records up to {sequence}"]
        SignatureWrong "signature-wrong"
            ["{day} の封印の署名が正しくありません", "the signature of the seal of {day} is wrong"]
        SealGap "seal-gap"
            ["{day} の封印が直前の封印に続いていません", "the seal of {day} does not follow the one before"]
    }
}

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// How.
    pub kind: BrokenKind,
    /// The record.
    pub sequence: u64,
    /// The last of several, where several are missing.
    pub last: u64,
    /// The day of the seal, where one is wrong.
    pub day: String,
}

impl Broken {
    /// What is broken, for an operator.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let facts = [
            ("sequence", Fact::word(self.sequence)),
            ("last", Fact::word(self.last)),
            ("day", Fact::word(&self.day)),
        ];
        self.kind.text().tell(language, &facts)
    }
}

/// Walks a chain from its oldest kept record on and tells everything that is wrong with it.
#[derive(Clone, Debug)]
pub struct Verifier {
    key: Vec<u8>,
    head: Head,
    seals: Vec<Seal>,
    next_seal: usize,
    broken: Vec<Broken>,
    records: u64,
}

/// Faults told of one chain: a file that is damaged throughout needs no more.
const BROKEN_MAX: usize = 100;

impl Verifier {
    /// Begins before record `head.sequence + 1`; `seals` in order, the public `key` of the node.
    #[must_use]
    pub fn new(head: Head, seals: Vec<Seal>, key: &[u8]) -> Self {
        let mut verifier =
            Self { key: key.to_vec(), head, seals, next_seal: 0, broken: Vec::new(), records: 0 };
        let seals = std::mem::take(&mut verifier.seals);
        for (seal, before) in seals.iter().zip(std::iter::once(None).chain(seals.iter().map(Some)))
        {
            if !seal.is_signed_by(&verifier.key) {
                verifier.tell(BrokenKind::SignatureWrong, seal.last, seal.last, &seal.day);
            }
            let follows = before
                .is_none_or(|before| before.last + 1 == seal.first && before.head == seal.before);
            if !follows || seal.last < seal.first {
                verifier.tell(BrokenKind::SealGap, seal.first, seal.last, &seal.day);
            }
        }
        // Days whose records are no longer kept are held by their seals alone.
        verifier.next_seal = seals.partition_point(|seal| seal.last <= head.sequence);
        verifier.seals = seals;
        verifier
    }

    /// The next record as kept: its number, hash and body.
    pub fn record(&mut self, sequence: u64, hash: &Digest, body: &[u8]) {
        let expected = self.head.sequence + 1;
        self.records += 1;
        if sequence < expected {
            self.tell(BrokenKind::Misplaced, sequence, sequence, "");
            return;
        }
        if sequence > expected {
            self.tell(BrokenKind::Missing, expected, sequence - 1, "");
            // What comes after is judged by itself.
            self.head = Head { sequence, hash: *hash };
            return self.pass_seals();
        }
        let own = digest(&self.head.hash, body);
        let named = super::store::number_of(body);
        if named != Some(sequence) {
            self.tell(BrokenKind::Misplaced, sequence, sequence, "");
        } else if own != *hash {
            self.tell(BrokenKind::Changed, sequence, sequence, "");
        }
        self.head = Head { sequence, hash: *hash };
        self.pass_seals();
    }

    fn pass_seals(&mut self) {
        while let Some(seal) = self.seals.get(self.next_seal)
            && seal.last <= self.head.sequence
        {
            let (day, last) = (seal.day.clone(), seal.last);
            if seal.last == self.head.sequence && seal.head != self.head.hash {
                self.tell(BrokenKind::SealWrong, last, last, &day);
            }
            self.next_seal += 1;
        }
    }

    fn tell(&mut self, kind: BrokenKind, sequence: u64, last: u64, day: &str) {
        if self.broken.len() < BROKEN_MAX {
            self.broken.push(Broken { kind, sequence, last, day: day.to_owned() });
        }
    }

    /// Everything that is wrong, in order, and how many records were looked at. `end` is the
    /// number of the last record that ought to be there, where that is known.
    #[must_use]
    pub fn finish(mut self, end: Option<u64>) -> (Vec<Broken>, u64) {
        let sealed = self.seals.last().map_or(0, |seal| seal.last);
        let end = end.unwrap_or(0).max(sealed);
        if self.head.sequence < end {
            self.tell(BrokenKind::Missing, self.head.sequence + 1, end, "");
        }
        (self.broken, self.records)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    type Row = (u64, Digest, Vec<u8>);

    fn chain(count: u64) -> Vec<Row> {
        let mut head = Head::START;
        let rows = (1..=count).map(|number| {
            let body = format!("{{\"event\":\"X\",\"seq\":{number}}}").into_bytes();
            head = head.after(&body);
            (number, head.hash, body)
        });
        rows.collect()
    }

    fn seal(rows: &[Row], first: usize, last: usize, day: &str) -> Seal {
        let pair = Ed25519KeyPair::from_seed_unchecked(&KEY).unwrap();
        let before = if first == 0 { GENESIS } else { rows[first - 1].1 };
        let mut seal = Seal {
            node: "n".into(),
            day: day.into(),
            first: rows[first].0,
            last: rows[last].0,
            before,
            head: rows[last].1,
            signature: Vec::new(),
        };
        seal.signature = pair.sign(&seal.message()).as_ref().to_vec();
        seal
    }

    fn public() -> Vec<u8> {
        Ed25519KeyPair::from_seed_unchecked(&KEY).unwrap().public_key().as_ref().to_vec()
    }

    fn verify(rows: &[Row], seals: Vec<Seal>) -> Vec<(BrokenKind, u64)> {
        let mut verifier = Verifier::new(Head::START, seals, &public());
        for (number, hash, body) in rows {
            verifier.record(*number, hash, body);
        }
        verifier.finish(None).0.iter().map(|broken| (broken.kind, broken.sequence)).collect()
    }

    #[test]
    fn a_whole_chain_with_its_seals_is_sound() {
        let rows = chain(9);
        let seals = vec![seal(&rows, 0, 3, "a"), seal(&rows, 4, 7, "b")];
        assert_eq!(verify(&rows, seals), []);
    }

    #[test]
    fn every_tampering_is_found_and_named() {
        let rows = chain(9);
        let seals = || vec![seal(&rows, 0, 3, "a"), seal(&rows, 4, 7, "b")];
        let mut changed = rows.clone();
        changed[2].2 = b"{\"event\":\"Y\",\"seq\":3}".to_vec();
        assert_eq!(verify(&changed, seals()), [(BrokenKind::Changed, 3)]);
        let mut deleted = rows.clone();
        deleted.remove(4);
        assert_eq!(verify(&deleted, seals()), [(BrokenKind::Missing, 5)]);
        let mut swapped = rows.clone();
        swapped.swap(4, 5);
        assert_eq!(verify(&swapped, seals())[0], (BrokenKind::Missing, 5));
        let cut: Vec<_> = rows.iter().take(6).cloned().collect();
        assert_eq!(verify(&cut, seals()), [(BrokenKind::Missing, 7)]);
        // A whole chain made anew by somebody without the key.
        let mut forged = chain(9);
        let mut head = Head::START;
        for row in &mut forged {
            row.2 = format!("{{\"event\":\"Z\",\"seq\":{}}}", row.0).into_bytes();
            head = head.after(&row.2);
            row.1 = head.hash;
        }
        let found = verify(&forged, seals());
        assert_eq!(found, [(BrokenKind::SealWrong, 4), (BrokenKind::SealWrong, 8)]);
        let mut own = seals();
        own[1].head = forged[7].1;
        assert_eq!(verify(&rows, own)[0], (BrokenKind::SignatureWrong, 8));
        let lost = vec![seal(&rows, 0, 3, "a"), seal(&rows, 5, 7, "b")];
        assert_eq!(verify(&rows, lost), [(BrokenKind::SealGap, 6)]);
    }

    #[test]
    fn what_is_kept_verifies_from_the_oldest_kept_record_on() {
        let rows = chain(9);
        let seals = vec![seal(&rows, 0, 3, "a"), seal(&rows, 4, 7, "b")];
        let head = Head { sequence: 4, hash: rows[3].1 };
        let mut verifier = Verifier::new(head, seals, &public());
        for (number, hash, body) in rows.iter().skip(4) {
            verifier.record(*number, hash, body);
        }
        assert_eq!(verifier.finish(Some(9)), (vec![], 5));
    }

    proptest! {
        #[test]
        fn one_changed_octet_is_always_found(row in 0_usize..9, at in 0_usize..22, bit in 0_u8..8) {
            let mut rows = chain(9);
            let seals = vec![seal(&rows, 0, 8, "a")];
            let length = rows[row].2.len();
            rows[row].2[at % length] ^= 1 << bit;
            prop_assert!(!verify(&rows, seals).is_empty());
        }
    }
}
