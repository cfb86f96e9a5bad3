//! Syslog messages: RFC 5424, and the older style (RFC 3164) for collectors that read no other.

use super::{NAME, one_line};
use crate::alert::{Alert, shown};
use crate::vocabulary::{Language, Timestamp};

/// HOSTNAME is at most so long (RFC 5424 §6.2.4).
const HOST_OCTETS_MAX: usize = 255;
/// SD-NAME is at most so long (RFC 5424 §6.3.1).
const NAME_OCTETS_MAX: usize = 32;
const BOM: char = '\u{feff}';

/// What every message begins with.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// 0 to 23.
    pub facility: u8,
    /// This node.
    pub node: &'a str,
    /// The enterprise number of the structured data.
    pub enterprise: u32,
    /// Whether the text begins with a byte order mark.
    pub bom: bool,
}

impl Header<'_> {
    /// PRI (RFC 5424 §6.2.1).
    fn priority(self, alert: &Alert) -> u32 {
        u32::from(self.facility) * 8 + u32::from(alert.severity.syslog())
    }

    /// HOSTNAME: printable ASCII, `-` for none.
    fn host(self) -> String {
        let host: String =
            self.node.chars().filter(char::is_ascii_graphic).take(HOST_OCTETS_MAX).collect();
        if host.is_empty() { "-".to_owned() } else { host }
    }
}

/// One message (RFC 5424 §6): every fact is structured data, the sentence is the text.
#[must_use]
pub fn rfc5424(alert: &Alert, header: Header<'_>, language: Language) -> String {
    let mut message = format!(
        "<{}>1 {} {} {NAME} - {} [{NAME}@{}",
        header.priority(alert),
        alert.time.rfc3339(),
        header.host(),
        alert.kind.id(),
        header.enterprise,
    );
    for (name, value) in &alert.fields {
        let value = shown(value);
        // The header and the text have these already.
        let known = ["time", "event", "text", "schema"].contains(&name.as_str());
        if known || value.is_empty() || !is_sd_name(name) {
            continue;
        }
        message.push(' ');
        message.push_str(name);
        message.push_str("=\"");
        for letter in value.chars() {
            // RFC 5424 §6.3.3.
            if matches!(letter, '"' | '\\' | ']') {
                message.push('\\');
            }
            message.push(letter);
        }
        message.push('"');
    }
    message.push_str("] ");
    if header.bom {
        message.push(BOM);
    }
    message.push_str(&one_line(&alert.text(language)));
    message
}

fn is_sd_name(name: &str) -> bool {
    let good = |octet: u8| octet.is_ascii_graphic() && !b"=]\"".contains(&octet);
    !name.is_empty() && name.len() <= NAME_OCTETS_MAX && name.bytes().all(good)
}

/// One message of the older style, with the time of Japan and the sentence alone.
#[must_use]
pub fn bsd(alert: &Alert, header: Header<'_>, language: Language) -> String {
    let text = one_line(&alert.text(language));
    format!("{}{NAME}: {} {text}", bsd_header(alert, header), alert.kind.id())
}

/// `<84>Nov 24 20:15:02 sekisho-1 ` (RFC 3164 §4.1).
pub(super) fn bsd_header(alert: &Alert, header: Header<'_>) -> String {
    format!("<{}>{} {} ", header.priority(alert), bsd_time(alert.time), header.host())
}

fn bsd_time(time: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Some(time) = time.japan() else { return "Jan  1 00:00:00".to_owned() };
    let month = MONTHS.get(usize::from(u8::from(time.month())) - 1).copied().unwrap_or("Jan");
    let (hour, minute, second) = time.to_hms();
    format!("{month} {:>2} {hour:02}:{minute:02}:{second:02}", time.day())
}
