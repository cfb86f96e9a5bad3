//! A report as one HTML page for A4: nothing from elsewhere, every text escaped, tables that a
//! screen reader can follow.

use std::fmt::Write as _;

use super::document::{Cell, Document, Table};
use crate::vocabulary::{Language, Text};

const STYLE: &str = "\
@page{size:A4;margin:15mm}\
body{font-family:'BIZ UDPGothic','Yu Gothic','Hiragino Sans','Noto Sans CJK JP',sans-serif;\
font-size:9pt;line-height:1.4;color:#000;background:#fff;max-width:180mm;margin:0 auto}\
h1{font-size:15pt}h2{font-size:11pt;margin:1.2em 0 .3em;break-after:avoid}\
table{border-collapse:collapse;width:100%}thead{display:table-header-group}\
tr{break-inside:avoid}\
th,td{border:.5pt solid #555;padding:1.5pt 4pt;text-align:left;vertical-align:top;\
overflow-wrap:anywhere}\
thead th{background:#e8e8e8}td.n{text-align:right}p{margin:.3em 0}\
footer{margin-top:2em;font-size:8pt}";

/// The page.
#[must_use]
pub fn html(document: &Document) -> String {
    let language = document.language;
    let mut page = String::new();
    let title = escaped(&document.title);
    // OK because a String takes every write, here and below
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\"/>\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n",
        language.id()
    );
    for remark in &document.remarks {
        let _ = writeln!(page, "<p>{}</p>", escaped(remark));
    }
    for (number, table) in (1..).zip(&document.tables) {
        section(&mut page, number, table, language);
    }
    page.push_str("</main>\n<footer>\n<table>\n<tbody>\n");
    for (_, heading, cell) in &document.foot {
        let (heading, cell) = (escaped(heading.get(language)), escaped(&cell.shown(language)));
        let _ = writeln!(page, "<tr><th scope=\"row\">{heading}</th><td>{cell}</td></tr>");
    }
    page.push_str("</tbody>\n</table>\n</footer>\n</body>\n</html>\n");
    page
}

fn section(page: &mut String, number: usize, table: &Table, language: Language) {
    let key = table.key;
    let title = escaped(table.title.get(language));
    let _ = writeln!(page, "<section aria-labelledby=\"{key}\">");
    let _ = writeln!(page, "<h2 id=\"{key}\">{number}. {title}</h2>");
    if !table.note.is_empty() {
        let _ = writeln!(page, "<p>{}</p>", escaped(&table.note));
    }
    if table.rows.is_empty() {
        let none = Text { ja: "該当なし", en: "none" };
        let _ = writeln!(page, "<p>{}</p>\n</section>", none.get(language));
        return;
    }
    let _ = write!(page, "<table aria-labelledby=\"{key}\">\n<thead>\n<tr>");
    for column in &table.columns {
        let _ = write!(page, "<th scope=\"col\">{}</th>", escaped(column.heading.get(language)));
    }
    page.push_str("</tr>\n</thead>\n<tbody>\n");
    for row in &table.rows {
        page.push_str("<tr>");
        for (place, cell) in row.iter().enumerate() {
            let text = escaped(&cell.shown(language));
            let _ = match (place, cell) {
                (0, _) => write!(page, "<th scope=\"row\">{text}</th>"),
                (_, Cell::Number(_)) => write!(page, "<td class=\"n\">{text}</td>"),
                (
                    _,
                    Cell::Nothing
                    | Cell::Text(_)
                    | Cell::Term(..)
                    | Cell::Time(_)
                    | Cell::Day(_)
                    | Cell::Records(_),
                ) => write!(page, "<td>{text}</td>"),
            };
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</section>\n");
}

/// A text that is nothing but text to a browser.
fn escaped(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            '"' => all.push_str("&quot;"),
            '\'' => all.push_str("&#39;"),
            // A page holds no control characters, and no text turns around the one beside it.
            letter if letter.is_control() => all.push('\u{fffd}'),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                all.push('\u{fffd}');
            }
            letter => all.push(letter),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup_or_turns_the_page_around() {
        let text = escaped("<script>\"'&\u{7}\u{202e}佐");
        assert_eq!(text, "&lt;script&gt;&quot;&#39;&amp;\u{fffd}\u{fffd}佐");
    }
}
