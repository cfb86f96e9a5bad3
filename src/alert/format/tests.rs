//! Other readings of the same rules get the same values back.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::vocabulary::{AlertKind, Timestamp};

const HEADER: Header<'_> =
    Header { facility: 10, node: "sekisho-1", enterprise: 32_473, bom: true };

fn alert(values: &[(&str, &str)]) -> Alert {
    let time = Timestamp::parse("2026-11-24T20:15:02.123+09:00").unwrap();
    let mut alert = Alert::new(AlertKind::Stranger, time, "x");
    for (name, value) in values {
        alert = alert.fact(name, *value);
    }
    alert
}

/// Header, parameters and text of an RFC 5424 message, read by its grammar.
fn parse_5424(message: &str) -> (Vec<String>, Vec<(String, String)>, String) {
    let (head, rest) = message.split_once(" [").unwrap();
    let head: Vec<_> = head.split(' ').map(str::to_owned).collect();
    let (_, mut rest) = rest.split_at(rest.find([' ', ']']).unwrap());
    let mut parameters = Vec::new();
    while let Some(after) = rest.strip_prefix(' ') {
        let (name, after) = after.split_once("=\"").unwrap();
        let mut value = String::new();
        let mut letters = after.char_indices();
        let end = loop {
            match letters.next().unwrap() {
                (_, '\\') => value.push(letters.next().unwrap().1),
                (at, '"') => break at,
                (_, letter) => {
                    assert_ne!(letter, ']', "unescaped");
                    value.push(letter);
                }
            }
        };
        parameters.push((name.to_owned(), value));
        rest = after.split_at(end + 1).1;
    }
    (head, parameters, rest.strip_prefix("] ").unwrap().to_owned())
}

/// Header fields and extension of a CEF event.
fn parse_cef(event: &str) -> (Vec<String>, Vec<(String, String)>) {
    let event = event.split_once("CEF:").unwrap().1;
    let mut fields = vec![String::new()];
    let mut letters = event.chars();
    while fields.len() < 8 {
        match letters.next().unwrap() {
            '\\' => fields.last_mut().unwrap().push(letters.next().unwrap()),
            '|' => fields.push(String::new()),
            letter => fields.last_mut().unwrap().push(letter),
        }
    }
    fields.pop();
    // A key is a word before an equals sign that is not escaped.
    let text: Vec<char> = letters.collect();
    let mut starts = Vec::new();
    for (at, letter) in text.iter().enumerate() {
        let escapes = text[..at].iter().rev().take_while(|it| **it == '\\').count();
        if *letter == '=' && escapes % 2 == 0 {
            let word = text[..at].iter().rev().take_while(|it| it.is_ascii_alphanumeric()).count();
            starts.push((at - word, at));
        }
    }
    let mut pairs = Vec::new();
    for (number, (begin, equals)) in starts.iter().enumerate() {
        let end = starts.get(number + 1).map_or(text.len(), |(next, _)| next - 1);
        let mut value = String::new();
        let mut letters = text[equals + 1..end].iter();
        while let Some(letter) = letters.next() {
            value.push(match letter {
                '\\' => match letters.next().unwrap() {
                    'n' => '\n',
                    'r' => '\r',
                    other => *other,
                },
                other => *other,
            });
        }
        pairs.push((text[*begin..*equals].iter().collect(), value));
    }
    (fields, pairs)
}

fn unbase64(text: &str) -> Vec<u8> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let (mut count, mut octets) = (0, Vec::new());
    for letter in text.chars().filter(|it| *it != '=') {
        bits = bits << 6 | u32::try_from(LETTERS.find(letter).unwrap()).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count & 255) as u8);
        }
    }
    octets
}

/// Subject and body of a letter.
fn parse_letter(letter: &str) -> (String, String) {
    let (head, body) = letter.split_once("\r\n\r\n").unwrap();
    assert!(head.split("\r\n").all(|line| line.len() <= 78), "{head}");
    let unfolded = head.replace("\r\n ", " ");
    let subject = unfolded.split("\r\n").find_map(|line| line.strip_prefix("Subject: ")).unwrap();
    let words = subject.split(' ').map(|word| {
        let word = word.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap();
        // RFC 2047 §5: each word decodes by itself.
        String::from_utf8(unbase64(word)).unwrap()
    });
    let text = String::from_utf8(unbase64(&body.replace("\r\n", ""))).unwrap();
    (words.collect(), text)
}

fn letter_of(alert: &Alert) -> String {
    let to = ["kansei@city.example".to_owned()];
    let header = Letter {
        from: "sekisho@city.example",
        to: &to,
        node: "sekisho-1",
        now: Timestamp::parse("2026-11-24T20:15:02+09:00").unwrap(),
    };
    letter(alert, header, Language::Japanese)
}

#[test]
fn a_message_of_each_form_is_as_its_standard_shows() {
    let alert = alert(&[("mac", "00-12-E2-01-02-03"), ("place", "honcho/hon-sw01/0/3")]);
    assert_eq!(
        rfc5424(&alert, HEADER, Language::English),
        "<84>1 2026-11-24T11:15:02.123Z sekisho-1 sekisho - ALERT-stranger [sekisho@32473 mac=\"00-12-E2-01-02-03\" place=\"honcho/hon-sw01/0/3\"] \u{feff}the unregistered device 00-12-E2-01-02-03 was connected at honcho/hon-sw01/0/3"
    );
    assert_eq!(
        bsd(&alert, HEADER, Language::English),
        "<84>Nov 24 20:15:02 sekisho-1 sekisho: ALERT-stranger the unregistered device 00-12-E2-01-02-03 was connected at honcho/hon-sw01/0/3"
    );
    let event = cef(&alert, HEADER, Language::English);
    let begin = "<84>Nov 24 20:15:02 sekisho-1 CEF:0|sekisho|sekisho|";
    assert!(event.starts_with(begin), "{event}");
    assert!(event.contains("|ALERT-stranger|the unregistered"), "{event}");
    assert!(event.contains("|6|rt=1795518902123 dvchost=sekisho-1 cnt=1 msg="), "{event}");
    assert!(event.ends_with("smac=00-12-E2-01-02-03 cs4Label=port cs4=honcho/hon-sw01/0/3"));
    let letter = letter_of(&alert);
    assert!(letter.starts_with("Date: Tue, 24 Nov 2026 20:15:02 +0900\r\n"), "{letter}");
    let (subject, body) = parse_letter(&letter);
    assert!(subject.starts_with("[sekisho] 警告: 登録されていない端末"), "{subject}");
    assert!(body.contains("mac: 00-12-E2-01-02-03\n"), "{body}");
}

#[test]
fn base64_is_as_rfc_4648_shows() {
    for (text, encoded) in
        [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
    {
        assert_eq!(mail::base64(text.as_bytes()), encoded);
    }
}

proptest! {
    #[test]
    fn structured_data_comes_back(mac: String, place: String, identity: String) {
        let alert = alert(&[("mac", &mac), ("place", &place), ("identity", &identity)]);
        let (head, parameters, text) = parse_5424(&rfc5424(&alert, HEADER, Language::Japanese));
        prop_assert_eq!(&head[5..], ["ALERT-stranger"]);
        let expected: Vec<_> = [("identity", identity), ("mac", mac), ("place", place)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        prop_assert_eq!(parameters, expected);
        let clean = text.starts_with(char::from_u32(0xfeff).unwrap()) && !text.contains(char::is_control);
        prop_assert!(clean);
    }

    #[test]
    fn a_cef_extension_comes_back(mac: String, place: String, identity: String) {
        let alert = alert(&[("mac", &mac), ("place", &place), ("identity", &identity)]);
        let (fields, pairs) = parse_cef(&cef(&alert, HEADER, Language::Japanese));
        prop_assert_eq!(&fields[..3], ["0", "sekisho", "sekisho"]);
        prop_assert_eq!(&fields[5], &one_line(&alert.text(Language::Japanese)));
        let found = |key: &str| {
            let found = pairs.iter().find(|(name, _)| name == key);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        prop_assert_eq!(found("smac"), mac);
        prop_assert_eq!(found("cs4"), place);
        prop_assert_eq!(found("suser"), identity);
        prop_assert_eq!(found("msg"), alert.text(Language::Japanese));
    }

    #[test]
    fn json_comes_back(mac: String, place: String) {
        let alert = alert(&[("mac", &mac), ("place", &place)]);
        let value: Value = serde_json::from_str(&json(&alert, Language::English)).unwrap();
        prop_assert_eq!(value["mac"].as_str(), Some(mac.as_str()));
        let text = alert.text(Language::English);
        prop_assert_eq!(value["text"].as_str(), Some(text.as_str()));
    }

    #[test]
    fn no_fact_breaks_out_of_a_letter(mac: String, place: String) {
        let alert = alert(&[("mac", &mac), ("place", &place)]);
        let (subject, body) = parse_letter(&letter_of(&alert));
        let sentence = one_line(&alert.text(Language::Japanese));
        prop_assert!(subject.ends_with(&sentence.chars().take(80).collect::<String>()));
        prop_assert!(body.starts_with(&sentence));
    }
}
