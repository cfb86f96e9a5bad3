//! What the operating system and SQLite say is wrong, in Japanese. They say it in English only,
//! and it reaches operators as the cause in a message of ours.

/// What they say (glibc's `strerror(3)`, Rust's `std::io`, SQLite's `sqlite3_errstr`), and the
/// same in Japanese.
const SAYINGS: [(&str, &str); 41] = [
    ("Address already in use", "アドレスは使用中です"),
    ("Address family not supported by protocol", "この種類のアドレスは使えません"),
    ("Bad message", "壊れたデータです"),
    ("Broken pipe", "読み手がいなくなりました"),
    ("Cannot allocate memory", "メモリーが足りません"),
    ("Cannot assign requested address", "このアドレスはこの機器にありません"),
    ("Connection refused", "接続を拒否されました"),
    ("Connection reset by peer", "相手が接続を切りました"),
    ("Connection timed out", "相手の応答がありません"),
    ("Device or resource busy", "使用中です"),
    ("Directory not empty", "ディレクトリが空ではありません"),
    ("Disk quota exceeded", "割り当てられた容量を使い切りました"),
    ("File exists", "すでにあります"),
    ("File name too long", "名前が長すぎます"),
    ("File too large", "ファイルが大きすぎます"),
    ("Input/output error", "入出力エラーです"),
    ("Invalid argument", "値が不正です"),
    ("Invalid cross-device link", "別のファイルシステムにあります"),
    ("Is a directory", "ディレクトリです"),
    ("Network is unreachable", "このネットワークへの経路がありません"),
    ("No route to host", "相手に届きません"),
    ("No space left on device", "空き容量がありません"),
    ("No such device", "そのようなインターフェースや機器はありません"),
    ("No such file or directory", "ファイルもディレクトリもありません"),
    ("No such process", "プロセスがありません"),
    ("Not a directory", "ディレクトリではありません"),
    ("Operation not permitted", "許可されていない操作です"),
    ("Operation not supported", "できない操作です"),
    ("Permission denied", "権限がありません"),
    ("Read-only file system", "書き込みできないファイルシステムです"),
    ("Resource temporarily unavailable", "今は応じられません"),
    ("Too many levels of symbolic links", "シンボリックリンクが循環しています"),
    ("Too many open files", "開いているファイルが多すぎます"),
    ("attempt to write a readonly database", "書き込みできません"),
    ("database disk image is malformed", "ファイルの中身が壊れています"),
    ("database is locked", "別のプログラムが使用中です"),
    ("database or disk is full", "空き容量がありません"),
    ("disk I/O error", "入出力エラーです"),
    ("failed to fill whole buffer", "途中で終わっています"),
    ("file is not a database", "データベースのファイルではありません"),
    ("unable to open database file", "ファイルを開けません"),
];

/// A cause with what is known of it in Japanese; the number that `std::io` adds stays.
pub(super) fn in_japanese(cause: &str) -> String {
    let said = SAYINGS.iter().find(|(english, _)| cause.contains(english));
    said.map_or_else(|| cause.to_owned(), |(english, japanese)| cause.replace(english, japanese))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the machine itself is asked what it says")]
mod tests {
    use super::*;
    use crate::vocabulary::{Fact, Language, Text};

    #[test]
    fn what_this_machine_says_reads_japanese_in_japanese_only() {
        let text = Text { ja: "{path}: {cause}", en: "{path}: {cause}" };
        let refused = std::fs::read("/proc/self/nothing").unwrap_err();
        let facts = [("path", "File exists".to_owned()), ("cause", refused.to_string())];
        assert_eq!(
            text.fill(Language::Japanese, &facts),
            "File exists: ファイルもディレクトリもありません (os error 2)"
        );
        assert_eq!(
            text.fill(Language::English, &facts),
            "File exists: No such file or directory (os error 2)"
        );
        assert_eq!(in_japanese("expected `=`"), "expected `=`");
        let facts = [("cause", Fact::word("Permission denied (os error 13)"))];
        let told = Text { ja: "{cause}", en: "{cause}" }.tell(Language::Japanese, &facts);
        assert_eq!(told, "権限がありません (os error 13)");
    }

    #[test]
    fn every_number_that_a_full_or_forbidden_disk_gives_is_known() {
        for number in [1, 2, 5, 11, 12, 13, 16, 17, 20, 21, 22, 24, 27, 28, 30, 32, 36, 39, 40] {
            let said = std::io::Error::from_raw_os_error(number).to_string();
            assert!(!in_japanese(&said).is_ascii(), "{said}");
        }
    }
}
