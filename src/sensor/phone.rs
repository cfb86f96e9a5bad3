//! What phones say of themselves: names they look up, agents they use, the port they keep open.
//!
//! Names that browsers and PCs look up as well are left out: Chrome asks for clients*.google.com,
//! Edge and Firefox have probes of their own.

/// The port of Google's messaging for Android.
pub const MESSAGING_PORT: u16 = 5228;

/// Names, each with everything below it, that an Android looks up, and so does a Chrome or a Google
/// Drive anywhere: messaging for web pages goes the way of messaging for phones.
const ANDROID_OR_CHROME: &[&str] =
    &["mtalk.google.com", "android.clients.google.com", "play.googleapis.com"];

/// Names that only an Android looks up.
const ANDROID: &[&str] = &[
    "connectivitycheck.gstatic.com",
    "connectivitycheck.android.com",
    "android.googleapis.com",
    "android.pool.ntp.org",
    "connectivitycheck.platform.hicloud.com",
    "connect.rom.miui.com",
];

/// Names that iPhones look up, and Macs too.
const APPLE: &[&str] = &["captive.apple.com", "push.apple.com"];

/// Names that only iPhones look up.
const IPHONE: &[&str] = &["time-ios.apple.com", "iphone-ld.apple.com"];

/// Whose phones look a name up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Maker {
    /// Android.
    Android,
    /// Android, and Chrome on anything.
    AndroidOrChrome,
    /// iOS.
    Iphone,
    /// iOS, and macOS too.
    Apple,
}

/// Whose phones look this name up, if it is one that phones look up. Case matters not.
#[must_use]
pub fn looked_up(name: &str) -> Option<Maker> {
    let name = name.trim_end_matches('.').as_bytes();
    let below = |suffix: &&str| {
        let start = name.len().checked_sub(suffix.len());
        start.and_then(|start| name.split_at_checked(start)).is_some_and(|(head, tail)| {
            tail.eq_ignore_ascii_case(suffix.as_bytes()) && matches!(head, [] | [.., b'.' | b'-'])
        })
    };
    // Android's clients of messaging and time are numbered: alt3-mtalk, 2.android.pool.
    if ANDROID.iter().any(below) {
        Some(Maker::Android)
    } else if ANDROID_OR_CHROME.iter().any(below) {
        Some(Maker::AndroidOrChrome)
    } else if IPHONE.iter().any(below) {
        Some(Maker::Iphone)
    } else if APPLE.iter().any(below) {
        Some(Maker::Apple)
    } else {
        None
    }
}

/// Whether an HTTP agent is one that only a phone has.
#[must_use]
pub fn is_phone_agent(agent: &str) -> bool {
    agent.starts_with("Dalvik/") || agent.contains("; Android ") || agent.contains("(iPhone;")
}

/// Whether a name announced by mDNS is a phone's.
#[must_use]
pub fn is_phone_host(name: &str) -> bool {
    let Some(host) = name.strip_suffix(".local") else { return false };
    ["android", "iphone", "ipad"].iter().any(|start| {
        host.strip_prefix(start).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with(|after: char| !after.is_ascii_alphanumeric())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_phones_and_names_of_browsers() {
        for (name, maker) in [
            ("connectivitycheck.gstatic.com", Some(Maker::Android)),
            ("alt3-mtalk.google.com.", Some(Maker::AndroidOrChrome)),
            ("time-ios.apple.com", Some(Maker::Iphone)),
            ("2.android.pool.ntp.org", Some(Maker::Android)),
            ("play.googleapis.com", Some(Maker::AndroidOrChrome)),
            ("Captive.Apple.com", Some(Maker::Apple)),
            ("1-courier.push.apple.com", Some(Maker::Apple)),
            ("clients3.google.com", None),
            ("notmtalk.google.com", None),
            ("www.msftconnecttest.com", None),
            ("", None),
        ] {
            assert_eq!(looked_up(name), maker, "{name}");
        }
    }

    #[test]
    fn agents_and_hosts_of_phones() {
        assert!(is_phone_agent("Dalvik/2.1.0 (Linux; U; Android 5.1.1; Nexus)"));
        assert!(is_phone_agent("Mozilla/5.0 (iPhone; CPU iPhone OS 9_2 like Mac OS X)"));
        assert!(!is_phone_agent("Mozilla/5.0 (Windows NT 10.0; Win64; x64)"));
        assert!(!is_phone_agent("Mozilla/5.0 (X11; Linux x86_64)"));
        assert!(is_phone_host("iphone.local") && is_phone_host("android-1a2b.local"));
        assert!(!is_phone_host("androidstudio.local") && !is_phone_host("iphone.example"));
    }
}
