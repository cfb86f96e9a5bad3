//! Alerts and incidents, and plan generations with what changed.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use serde_json::Value;
use similar::TextDiff;

use super::frame::page;
use super::{Refusal, Visit, line_table, records};
use crate::plan::ApiRole;
use crate::record::{Field, IncidentEvent, Incidents, Pattern, Query, Span, Store as _};
use crate::shell::control::Command;
use crate::vocabulary::{AlertKind, Timestamp};

/// Alerts, and incidents, shown at most.
const SHOWN_MAX: usize = 100;
/// Lines shown of what changed between two plans.
const LINES_MAX: usize = 2000;
/// Unchanged lines around a change.
const CONTEXT: usize = 2;

/// The newest alerts, and every incident.
pub(super) async fn alerts(visit: &Visit<'_>) -> String {
    let say = |ja, en| visit.say(ja, en);
    let read = visit.read(|store| {
        let mut found = Vec::new();
        // By kind, since an index knows the whole id.
        for kind in AlertKind::ALL {
            let Ok(pattern) = Pattern::new(Field::Event, kind.id()) else { continue };
            let fields = vec![(Field::Event, pattern)];
            found.extend(store.search(&Query { span: Span::ALL, fields, limit: SHOWN_MAX })?);
        }
        Ok((records(found, SHOWN_MAX), Incidents::read(store, Span::ALL, u64::MAX)?))
    });
    let main = match read.await {
        None => {
            html! { h1 { (say("警報", "Alerts")) } p.notice.bad { (say("証跡を読めません。", "the evidence cannot be read")) } }
        }
        Some((lines, incidents)) => html! {
            h1 { (say("警報とインシデント", "Alerts and incidents")) }
            div data-live="alerts" {
                section { h2 { (say("インシデント", "incidents")) }
                    @if incidents.is_empty() { p.quiet { (say("ありません。", "none")) } }
                    @else { (incident_table(visit, &incidents)) }
                }
                section { h2 { (say("警報", "alerts")) }
                    @if lines.is_empty() { p.quiet { (say("ありません。", "none")) } } @else { (line_table(visit, &lines)) }
                }
            }
        },
    };
    page(visit, say("警報", "Alerts"), &main)
}

fn incident_table(visit: &Visit<'_>, incidents: &Incidents) -> Markup {
    let say = |ja, en| visit.say(ja, en);
    let all: Vec<_> = incidents.iter().collect();
    html! {
        div.scroll { table {
            thead { tr { th scope="col" { "ID" } th scope="col" { (say("件名", "title")) } th scope="col" { (say("状態", "state")) }
                th scope="col" { (say("検知", "detected")) } th scope="col" { (say("経過", "steps")) } } }
            tbody { @for it in all.iter().rev().take(SHOWN_MAX) { tr {
                th scope="row" { (it.id) } td { (it.title) }
                td { @match it.closed() { Some(at) => { (say("終結", "closed")) " " (at.local()) }, None => strong.open { (say("対応中", "open")) } } }
                td { (it.detected.local()) }
                td { details { summary { (it.steps.len()) } ol.steps { @for step in &it.steps {
                    li { small { (step.time.local()) " " (step.by) } " "
                        @match step.event { IncidentEvent::Opened => (say("開始", "opened")), IncidentEvent::Note => (step.kind.text().get(visit.language)), IncidentEvent::Closed => (say("終結", "closed")) }
                        " " (step.text) " " (step.ground) }
                } } } }
            } } }
        } }
    }
}

fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Accepted plans.
pub(super) async fn plans(visit: &Visit<'_>) -> Result<String, Refusal> {
    let say = |ja, en| visit.say(ja, en);
    let list = visit.carry(Command::PlanList).await?;
    let list = list.as_array().cloned().unwrap_or_default();
    let may = visit.session.as_ref().is_some_and(|it| it.role().permits(ApiRole::Administer));
    let main = html! {
        h1 { (say("計画の世代", "plan generations")) }
        div.scroll { table {
            thead { tr { th scope="col" { (say("世代", "generation")) } th scope="col" { (say("受け入れ", "accepted")) } th scope="col" { (say("誰が", "by")) }
                th scope="col" { (say("内容", "content")) } th scope="col" { (say("状態", "state")) } @if may { th scope="col" { (say("変更", "changes")) } } } }
            tbody { @for each in &list {
                @let generation = each.get("generation").and_then(Value::as_u64).unwrap_or(0);
                tr {
                    th scope="row" { (generation) } td { (Timestamp::told(field(each, "accepted"))) } td { (field(each, "by")) }
                    td.mono { (field(each, "content_hash").chars().take(12).collect::<String>()) }
                    td {
                        @if each.get("in_force") == Some(&Value::Bool(true)) { strong { (say("運用中", "in force")) } }
                        @if let Some(from) = each.get("restored_from").and_then(Value::as_u64) { " " (say("復元元", "restored from")) " " (from) }
                    }
                    @if may { td { a href={ "/plan?generation=" (generation) } { (say("見る", "show")) } } }
                }
            } }
        } }
        @if !may { p.quiet { (say("ファイルの変更を見るには管理の役割が要ります。", "what changed in the files takes the role administer")) } }
    };
    Ok(page(visit, say("計画", "Plans"), &main))
}

/// What one plan changed in the files of the one before.
pub(super) async fn plan(visit: &Visit<'_>) -> Result<String, Refusal> {
    let say = |ja, en| visit.say(ja, en);
    let generation: u64 = visit.asked("generation").parse().unwrap_or(0);
    let new = visit.carry(Command::PlanShow { generation }).await?;
    let before = match generation.checked_sub(1).filter(|it| *it > 0) {
        Some(generation) => visit.carry(Command::PlanShow { generation }).await.ok(),
        None => None,
    };
    let (old, new) = (before.as_ref().map(files).unwrap_or_default(), files(&new));
    let names: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    let mut left = LINES_MAX;
    let mut parts = Vec::new();
    for name in names {
        let [one, two] = [&old, &new].map(|files| files.get(name).copied().unwrap_or_default());
        if one == two || before.is_none() {
            continue;
        }
        let diff = TextDiff::from_lines(one, two);
        let text = diff.unified_diff().context_radius(CONTEXT).to_string();
        let lines: Vec<String> = text.lines().take(left).map(str::to_owned).collect();
        left = left.saturating_sub(lines.len());
        parts.push((name.to_owned(), lines));
    }
    let main = html! {
        p.crumbs { a href="/plans" { (say("計画", "Plans")) } " › " (generation) }
        h1 { (say("世代", "generation")) " " (generation) }
        @if before.is_none() { p { (say("前の世代は残っていません。", "the generation before is not kept")) } }
        @else if parts.is_empty() { p { (say("前の世代と同じ内容です。", "the same content as before")) } }
        @for (name, lines) in &parts {
            section { h2.mono { (name) }
                pre.diff tabindex="0" { @for line in lines {
                    @match line.chars().next() { Some('+') => ins { (line) "\n" }, Some('-') => del { (line) "\n" }, _ => span { (line) "\n" } }
                } }
            }
        }
        @if left == 0 { p.quiet { (say("ここまでで省略しました。sekisho plan show で全文を見られます。", "cut off here; sekisho plan show tells all")) } }
    };
    Ok(page(visit, say("計画", "Plans"), &main))
}

fn files(plan: &Value) -> BTreeMap<&str, &str> {
    let files = plan.get("files").and_then(Value::as_object);
    files
        .into_iter()
        .flatten()
        .filter_map(|(name, text)| Some((name.as_str(), text.as_str()?)))
        .collect()
}
