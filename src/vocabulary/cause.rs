//! What the operating system, SQLite and the readers of TOML, JSON and gzip say is wrong, in
//! Japanese. They say it in English only, and it reaches operators as the cause in a message of ours.

/// What they say (glibc's `strerror(3)`, Rust's `std::io`, SQLite's `sqlite3_errstr`), and the
/// same in Japanese.
const SAYINGS: [(&str, &str); 53] = [
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
    ("corrupt deflate stream", "圧縮されたデータが壊れています"),
    ("corrupt gzip stream does not have a matching checksum", "圧縮されたデータが壊れています"),
    ("invalid gzip header", "gzip 形式ではありません"),
    ("stream did not contain valid UTF-8", "UTF-8 ではありません"),
    ("unexpected end of file", "途中で終わっています"),
    // What `shell::files` says itself.
    ("another command is at work", "別のコマンドが使用中です"),
    ("changed meanwhile", "途中で変更されています"),
    ("exists already and is not overwritten", "すでにあるため上書きしません"),
    ("no randomness is available", "乱数を得られません"),
    ("not UTF-8", "UTF-8 ではありません"),
    ("not a regular file", "通常のファイルではありません"),
    ("too large", "大きすぎます"),
    ("attempt to write a readonly database", "書き込みできません"),
    ("database disk image is malformed", "ファイルの中身が壊れています"),
    ("database is locked", "別のプログラムが使用中です"),
    ("database or disk is full", "空き容量がありません"),
    ("disk I/O error", "入出力エラーです"),
    ("failed to fill whole buffer", "途中で終わっています"),
    ("file is not a database", "データベースのファイルではありません"),
    ("unable to open database file", "ファイルを開けません"),
];

/// What the `toml` crate says, before `, expected` and what it misses.
const OF_TOML: [(&str, &str); 47] = [
    ("`_` may only go between digits", "`_` は数字の間にだけ書けます"),
    ("cannot recurse further; max recursion depth met", "入れ子が深すぎます"),
    ("carriage return must be followed by newline", "改行(LF)のない復帰文字(CR)があります"),
    ("duplicate key", "同じ名前の項目がすでにあります"),
    ("extra `=`", "余分な `=` があります"),
    ("extra assignment between key-value pairs", "余分な `=` があります"),
    ("extra comma in array", "余分なコンマがあります"),
    ("extra comma in inline table", "余分なコンマがあります"),
    ("integers with a radix cannot be signed", "0x などで始まる整数に符号は付けられません"),
    ("invalid basic string", "文字列の引用符や `\\` の使い方が正しくありません"),
    ("invalid boolean", "true または false として読めません"),
    ("invalid comment character", "注釈に使えない文字があります"),
    ("invalid date-time", "日時として読めません"),
    ("invalid float", "小数として読めません"),
    ("invalid inline table element", "`{ }` の中に書けないものがあります"),
    ("invalid integer number", "整数として読めません"),
    ("invalid key-value pair", "`項目 = 値` の形になっていません"),
    ("invalid literal string", "文字列の引用符の使い方が正しくありません"),
    ("invalid multi-line basic string", "複数行の文字列の引用符や `\\` の使い方が正しくありません"),
    ("invalid multi-line literal string", "複数行の文字列の引用符の使い方が正しくありません"),
    ("invalid string", "文字列として読めません"),
    ("invalid unquoted key", "項目名に使えない文字があります"),
    ("invalid value", "値として読めません"),
    ("key with no value", "項目に値がありません"),
    ("keys cannot be multi-line basic strings", "項目名は複数行にできません"),
    ("keys cannot be multi-line literal strings", "項目名は複数行にできません"),
    ("missing assignment between key-value pairs", "項目と値の間に `=` がありません"),
    ("missing comma between array elements", "要素の間にコンマがありません"),
    ("missing comma between key-value pairs", "項目の間にコンマがありません"),
    ("missing escaped value", "`\\` のあとに文字がありません"),
    ("missing key for inline table element", "項目名がありません"),
    ("missing opening quote", "引用符で始まっていません"),
    ("missing value", "値がありません"),
    ("missing value for key", "項目に値がありません"),
    ("radix must be lowercase", "0x などは小文字で書きます"),
    ("redundant integer number prefix", "0x などが二重です"),
    ("redundant numeric sign", "符号が二重です"),
    ("string values must be quoted", "文字列は引用符で囲みます"),
    ("too few unicode value digits", "文字番号の桁が足りません"),
    ("unclosed array", "`[` が閉じていません"),
    ("unclosed array table", "`[[` が閉じていません"),
    ("unclosed inline table", "`{` が閉じていません"),
    ("unclosed table", "`[` が閉じていません"),
    ("unexpected content between comment and newline", "注釈と行末の間に余分なものがあります"),
    ("unexpected key or value", "余分なものがあります"),
    ("unexpected leading zero", "数が余分な 0 で始まっています"),
    ("unquoted keys cannot be empty", "項目名がありません"),
];

/// What the `serde_json` crate says, before ` at line N column M`.
const OF_JSON: [(&str, &str); 21] = [
    ("EOF while parsing a list", "配列の途中で終わっています"),
    ("EOF while parsing a string", "文字列の途中で終わっています"),
    ("EOF while parsing a value", "値の途中で終わっています"),
    ("EOF while parsing an object", "オブジェクトの途中で終わっています"),
    (
        "control character (\\u0000-\\u001F) found while parsing a string",
        "文字列の中に制御文字があります",
    ),
    ("expected `,` or `]`", "`,` か `]` がありません"),
    ("expected `,` or `}`", "`,` か `}` がありません"),
    ("expected `:`", "`:` がありません"),
    ("expected `\"`", "`\"` がありません"),
    ("expected ident", "true、false、null のどれでもありません"),
    ("expected value", "値として読めません"),
    ("invalid escape", "`\\` の使い方が正しくありません"),
    ("invalid number", "数として読めません"),
    ("invalid unicode code point", "文字番号が正しくありません"),
    ("key must be a string", "項目名が文字列ではありません"),
    ("lone leading surrogate in hex escape", "文字番号が正しくありません"),
    ("number out of range", "数が大きすぎます"),
    ("recursion limit exceeded", "入れ子が深すぎます"),
    ("trailing characters", "終わりのあとに余分なものがあります"),
    ("trailing comma", "余分な `,` があります"),
    ("unexpected end of hex escape", "文字番号の桁が足りません"),
];

/// What it misses; the rest are signs in backquotes.
const MISSED: [(&str, &str); 8] = [
    ("basic string", "文字列"),
    ("characters", "文字"),
    ("key", "項目名"),
    ("letters", "英字"),
    ("literal string", "文字列"),
    ("newline", "改行"),
    ("numbers", "数字"),
    ("value", "値"),
];

/// A cause with what is known of it in Japanese; the number that `std::io` adds stays.
pub(super) fn in_japanese(cause: &str) -> String {
    let (said, missed) = cause.split_once(", expected ").unwrap_or((cause, ""));
    if let Some(japanese) = of(&OF_TOML, said) {
        let missed = missed.split(", ").filter(|missed| !matches!(*missed, "" | "nothing"));
        let missed: Vec<&str> =
            missed.map(|missed| of(&MISSED, missed).unwrap_or(missed)).collect();
        return match missed.as_slice() {
            [] => japanese.to_owned(),
            _ => format!("{japanese}(ここに書けるもの: {})", missed.join("、")),
        };
    }
    // Where `serde_json` found it.
    if let Some((said, place)) = cause.rsplit_once(" at line ")
        && let Some((line, column)) = place.split_once(" column ")
    {
        let japanese = of(&OF_JSON, said).map_or_else(|| in_japanese(said), str::to_owned);
        return format!("{japanese}({line} 行 {column} 桁)");
    }
    if let Some(field) = said.strip_prefix("unknown field ") {
        let known = missed.trim_start_matches("one of ").replace(" or ", "、").replace(", ", "、");
        return format!("{field} という項目はありません(ここに書けるもの: {known})");
    }
    if let Some(field) = said.strip_prefix("missing field ") {
        return format!("{field} という項目がありません");
    }
    if said.starts_with("invalid type: ") {
        return "値の種類(文字列、数など)が違います".to_owned();
    }
    let said = SAYINGS.iter().find(|(english, _)| cause.contains(english));
    said.map_or_else(|| cause.to_owned(), |(english, japanese)| cause.replace(english, japanese))
}

fn of(table: &[(&'static str, &'static str)], english: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == english).map(|(_, japanese)| *japanese)
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
    fn slips_in_a_file_are_told_in_japanese() {
        let mut english = Vec::new();
        for slip in [
            "a",
            "a =",
            "a = = 1",
            "a = b",
            "a = \"b",
            "a = [1 2]",
            "a = [1",
            "a = {b = 1",
            "a = 01",
            "[a",
            "[[a]",
            "a = 1 b = 2",
            "= 1",
            "a b = 1",
            "a = 1_",
            "a = 'b",
            "a = 1\na = 2",
            "a = \"\\",
            "a = +0x1",
            "a = {b = 1,, c = 2}",
            "[a]]",
            "あ = 1",
            "a = 「b」",
            "a = { b }",
        ] {
            let (_, errors) = toml::de::DeTable::parse_recoverable(slip);
            assert!(!errors.is_empty(), "{slip}");
            for error in errors {
                let cause = error.message().lines().collect::<Vec<_>>().join(", ");
                let told = in_japanese(&cause);
                if told.is_ascii() || told.contains("expected") {
                    english.push(format!("{slip}: {cause}: {told}"));
                }
            }
        }
        assert!(english.is_empty(), "{english:#?}");
    }

    #[test]
    fn slips_in_json_are_told_in_japanese() {
        for slip in [
            "",
            "[",
            "[1",
            "[1,]",
            "[1 2]",
            "{",
            "{\"a\" 1}",
            "{\"a\":1 2}",
            "{a:1}",
            "\"a",
            "\"\\q\"",
            "\"\n\"",
            "nul",
            "01",
            "1e999",
            "[]x",
            "x",
            "\"\\ud800\"",
            "\"\\u12",
        ] {
            let cause = serde_json::from_str::<serde_json::Value>(slip).unwrap_err().to_string();
            let told = in_japanese(&cause);
            assert!(!told.is_ascii() && told.ends_with("桁)"), "{slip}: {cause}: {told}");
        }
    }

    #[test]
    fn what_does_not_fit_a_form_is_told_in_japanese() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only what does not fit is looked at")]
        struct Form {
            one: String,
            two: Option<u8>,
        }
        let told = |text: &str| in_japanese(toml::from_str::<Form>(text).unwrap_err().message());
        assert_eq!(told("on = 1"), "`on` という項目はありません(ここに書けるもの: `one`、`two`)");
        assert_eq!(told("two = 1"), "`one` という項目がありません");
        assert!(told("one = 1").contains("種類"));
        let cause = serde_json::from_str::<Form>("{}").unwrap_err().to_string();
        assert_eq!(in_japanese(&cause), "`one` という項目がありません(1 行 2 桁)");
    }

    #[test]
    fn every_number_that_a_full_or_forbidden_disk_gives_is_known() {
        for number in [1, 2, 5, 11, 12, 13, 16, 17, 20, 21, 22, 24, 27, 28, 30, 32, 36, 39, 40] {
            let said = std::io::Error::from_raw_os_error(number).to_string();
            assert!(!in_japanese(&said).is_ascii(), "{said}");
        }
    }
}
