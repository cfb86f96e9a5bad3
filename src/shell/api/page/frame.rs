//! What every page has around it, and the small parts that several share.

use maud::{DOCTYPE, Markup, html};

use super::Visit;
use crate::plan::Plan;
use crate::vocabulary::Language;

/// A page of a visit: head, navigation, `main`.
pub(super) fn page(visit: &Visit<'_>, title: &str, main: &Markup) -> String {
    let say = |ja, en| visit.say(ja, en);
    let here = |path: &str| (visit.path == path).then_some("page");
    html! {
        (DOCTYPE)
        html lang=(visit.language.id()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – " (say("関所", "sekisho")) }
                link rel="stylesheet" href="/style.css";
                script src="/script.js" defer {}
            }
            body {
                a.skip href="#main" { (say("本文へ", "skip to content")) }
                header.top {
                    a.brand href="/" { span.mark aria-hidden="true" { "関" } span { (say("関所", "sekisho")) } }
                    @if let Some(session) = &visit.session {
                        nav aria-label=(say("主なページ", "main pages")) {
                            a href="/" aria-current=[here("/")] { (say("市の地図", "City")) }
                            a href="/alerts" aria-current=[here("/alerts")] { (say("警報", "Alerts")) }
                            a href="/plans" aria-current=[here("/plans")] { (say("計画", "Plans")) }
                        }
                        form.find role="search" action="/find" method="get" {
                            label.hidden for="q" { (say("端末・ポート・拠点を探す", "find a device, port or site")) }
                            input #q name="q" type="search" maxlength="200" value=(visit.asked("q"))
                                placeholder=(say("名前・MAC・資産番号・所属…", "name, MAC, asset, section…"));
                        }
                        div.who {
                            span title=(say("役割", "role")) { (session.name()) " · " (role(visit)) }
                            (tongue(visit))
                            form method="post" action="/logout" {
                                input type="hidden" name="form" value=(session.form);
                                button.quiet type="submit" { (say("ログアウト", "log out")) }
                            }
                        }
                    } @else {
                        div.who { (tongue(visit)) }
                    }
                }
                main #main tabindex="-1" { (main) }
                footer.foot { (say("時刻は日本時間", "times are in Japan")) " · " (visit.now.local()) " · sekisho " (env!("CARGO_PKG_VERSION")) }
            }
        }
    }
    .into_string()
}

fn role(visit: &Visit<'_>) -> &'static str {
    use crate::plan::ApiRole::{Administer, Operate, Read, Sensor};
    match visit.session.as_ref().map(super::session::Session::role) {
        Some(Administer) => visit.say("管理", "administer"),
        Some(Operate) => visit.say("操作", "operate"),
        Some(Read | Sensor) | None => visit.say("閲覧", "read"),
    }
}

/// The way to the same page in the other language.
fn tongue(visit: &Visit<'_>) -> Markup {
    let (id, name) = match visit.language {
        Language::Japanese => ("en", "English"),
        Language::English => ("ja", "日本語"),
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(visit.query.iter().filter(|(name, _)| name != "lang"));
    let query = query.append_pair("lang", id).finish();
    html! { a.tongue lang=(id) hreflang=(id) href={ (visit.path) "?" (query) } { (name) } }
}

/// The class of an environment's colour.
pub(super) fn colour(plan: &Plan, id: &str) -> String {
    match plan.environment_by_id(id) {
        Some(index) if index == plan.quarantine => "eq".to_owned(),
        Some(index) => format!("e{}", index.0 % 8),
        None => "e-none".to_owned(),
    }
}

/// An environment as a coloured word.
pub(super) fn chip(visit: &Visit<'_>, id: &str) -> Markup {
    let plan = &visit.seen.snapshot.plan;
    let found = plan.environment_by_id(id).and_then(|index| plan.environment(index));
    let name = found.map(|environment| environment.name.get(visit.language));
    html! { span.chip.(colour(plan, id)) title=[name] { (if id.is_empty() { "–" } else { id }) } }
}

/// What several environments count, as one bar; the numbers stand beside it for everybody.
pub(super) fn bar(visit: &Visit<'_>, counts: &[(String, usize)]) -> Markup {
    let plan = &visit.seen.snapshot.plan;
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let mut from = 0;
    let parts: Vec<(usize, usize, &str)> = counts
        .iter()
        .map(|(id, count)| {
            let at = from;
            from += count;
            (at, *count, id.as_str())
        })
        .collect();
    html! {
        svg.bar viewBox={ "0 0 " (total.max(1)) " 1" } preserveAspectRatio="none" aria-hidden="true" {
            @for (at, count, id) in parts {
                rect.(colour(plan, id)) x=(at) y="0" width=(count) height="1" {}
            }
        }
    }
}

/// The counts in words.
pub(super) fn legend(visit: &Visit<'_>, counts: &[(String, usize)]) -> Markup {
    let counts: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
    html! {
        @if !counts.is_empty() {
            ul.counts { @for (id, count) in counts { li { (chip(visit, id)) " " (count) } } }
        }
    }
}
