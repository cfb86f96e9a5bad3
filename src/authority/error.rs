//! Why the authority refuses, in both languages.

use super::IdentityError;
use crate::vocabulary::{Language, Text, Timestamp, escape};

/// Why nothing was created, loaded, requested, issued or revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorityError {
    /// The authority's name is empty, longer than 64 characters or holds control characters.
    AuthorityName,
    /// The number of days is zero or above the limit.
    Days {
        /// What was asked.
        asked: u32,
        /// The largest number allowed.
        max: u32,
    },
    /// The certificate or list would end after the authority's own certificate.
    OutlivesAuthority {
        /// When the authority ends.
        end: Timestamp,
    },
    /// The authority's certificate is not one readable PEM certificate.
    AuthorityCertificate,
    /// The certificate may not sign certificates and revocation lists (RFC 5280 §4.2.1.3, .9).
    NotAuthority,
    /// The private key is not a readable unencrypted PKCS #8 key.
    AuthorityKey,
    /// The private key does not belong to the certificate.
    KeyMismatch,
    /// The request is not one readable PEM certification request (RFC 2986).
    RequestForm,
    /// The request is not signed by the key it names: no proof of possession.
    RequestSignature,
    /// The key is of no accepted kind: RSA of 2048 to 8192 bits, P-256, P-384, Ed25519.
    RequestKey,
    /// The request asks to become an authority itself.
    RequestForAuthority,
    /// The request's extensions cannot be read.
    RequestExtension,
    /// The request names a kind of name that cannot name a device (IP address, directory name, …).
    RequestNameKind,
    /// No name to certify.
    NoIdentity,
    /// More names than one certificate may carry.
    TooManyIdentities,
    /// A name that is not signed.
    Identity {
        /// The name, escaped for printing.
        name: String,
        /// What is wrong with it.
        error: IdentityError,
    },
    /// A server certificate needs DNS names.
    ServerName,
    /// A serial number of the list is not hexadecimal of 1 to 20 octets.
    Serial,
    /// The time lies outside what certificates can express.
    Time,
    /// Signing or the random generator failed: our fault or the machine's.
    Cryptography,
}

impl AuthorityError {
    /// What is wrong with a name, cut and escaped for printing.
    #[must_use]
    pub fn identity(name: &str, error: IdentityError) -> Self {
        let shown: String = name.chars().take(64).collect();
        Self::Identity { name: escape(shown.as_bytes()), error }
    }

    /// A stable id for logs and metrics.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        match self {
            Self::AuthorityName => "authority-name",
            Self::Days { .. } => "days",
            Self::OutlivesAuthority { .. } => "outlives-authority",
            Self::AuthorityCertificate => "authority-certificate",
            Self::NotAuthority => "not-authority",
            Self::AuthorityKey => "authority-key",
            Self::KeyMismatch => "key-mismatch",
            Self::RequestForm => "request-form",
            Self::RequestSignature => "request-signature",
            Self::RequestKey => "request-key",
            Self::RequestForAuthority => "request-for-authority",
            Self::RequestExtension => "request-extension",
            Self::RequestNameKind => "request-name-kind",
            Self::NoIdentity => "no-identity",
            Self::TooManyIdentities => "too-many-identities",
            Self::Identity { .. } => "identity",
            Self::ServerName => "server-name",
            Self::Serial => "serial",
            Self::Time => "time",
            Self::Cryptography => "cryptography",
        }
    }

    /// The refusal for people: cause, object and, where there is one, the next step.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let mut facts: Vec<(&'static str, String)> = Vec::new();
        let text = match self {
            Self::AuthorityName => Text {
                ja: "認証局の名前は1〜64文字で、制御文字を含められません",
                en: "an authority's name has 1 to 64 characters and no control characters",
            },
            Self::Days { asked, max } => {
                facts.push(("asked", asked.to_string()));
                facts.push(("max", max.to_string()));
                Text {
                    ja: "有効日数 {asked} は1〜{max}の範囲にありません",
                    en: "a validity of {asked} days is not within 1 to {max}",
                }
            }
            Self::OutlivesAuthority { end } => {
                facts.push(("day", end.wareki()));
                facts.push(("end", end.rfc3339()));
                Text {
                    ja: "認証局自身の有効期限({day})を越えます。日数を減らすか、認証局を更新してください",
                    en: "it would outlive the authority itself (ends {end}); ask for fewer days or renew the authority",
                }
            }
            Self::AuthorityCertificate => Text {
                ja: "認証局の証明書がPEM形式の証明書1枚として読めません",
                en: "the authority's certificate is not one readable PEM certificate",
            },
            Self::NotAuthority => Text {
                ja: "この証明書には証明書と失効リストへの署名が許されていません",
                en: "this certificate may not sign certificates and revocation lists",
            },
            Self::AuthorityKey => Text {
                ja: "認証局の秘密鍵が暗号化なしのPKCS #8 PEMとして読めません",
                en: "the authority's private key is not a readable unencrypted PKCS #8 PEM key",
            },
            Self::KeyMismatch => Text {
                ja: "秘密鍵が認証局の証明書と対になっていません",
                en: "the private key does not belong to the authority's certificate",
            },
            Self::RequestForm => Text {
                ja: "証明書要求がPEM形式(CERTIFICATE REQUEST)1件として読めません",
                en: "the request is not one readable PEM `CERTIFICATE REQUEST`",
            },
            Self::RequestSignature => Text {
                ja: "証明書要求の署名が中の公開鍵と合いません。鍵の所持を確認できないため発行しません",
                en: "the request is not signed by the key it names, so possession of the key is not proven",
            },
            Self::RequestKey => Text {
                ja: "鍵の種類を受け付けません。RSA 2048〜8192ビット、P-256、P-384、Ed25519のいずれかにしてください",
                en: "the kind of key is not accepted; use RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519",
            },
            Self::RequestForAuthority => Text {
                ja: "証明書要求が認証局になることを求めています。端末には許しません",
                en: "the request asks to become an authority itself, which no device may",
            },
            Self::RequestExtension => Text {
                ja: "証明書要求の拡張領域が読めません",
                en: "the request's extensions cannot be read",
            },
            Self::RequestNameKind => Text {
                ja: "証明書要求に端末の名前にならない種類の名前(IPアドレスなど)があります。--nameで名前を指定してください",
                en: "the request holds a kind of name that cannot name a device, such as an IP address; give the names by --name",
            },
            Self::NoIdentity => Text {
                ja: "証明する名前(subjectAltName)がありません。--nameで指定してください",
                en: "there is no name (subjectAltName) to certify; give one by --name",
            },
            Self::TooManyIdentities => Text {
                ja: "名前が16件を超えています",
                en: "there are more than 16 names",
            },
            Self::Identity { name, error } => {
                facts.push(("name", name.clone()));
                facts.push(("error", error.text(language).to_owned()));
                Text {
                    ja: "名前 `{name}` は証明できません: {error}",
                    en: "the name `{name}` is not certified: {error}",
                }
            }
            Self::ServerName => Text {
                ja: "サーバー証明書の名前はDNS名に限ります",
                en: "a server certificate carries DNS names only",
            },
            Self::Serial => Text {
                ja: "シリアル番号が1〜20オクテットの16進数ではありません",
                en: "a serial number is not hexadecimal of 1 to 20 octets",
            },
            Self::Time => Text {
                ja: "時刻が証明書で表せる範囲にありません。時計を確かめてください",
                en: "the time is outside what certificates can express; check the clock",
            },
            Self::Cryptography => Text {
                ja: "署名または乱数の生成に失敗しました",
                en: "signing or the random generator failed",
            },
        };
        text.fill(language, &facts)
    }
}
