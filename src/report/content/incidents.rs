//! Incidents, and what is done so that they do not come again.

use super::Basis;
use crate::record::{Incident, StepKind};
use crate::report::document::{Cell, Table, column, private, term};
use crate::vocabulary::{Text, Timestamp};

/// Incidents that were open at any time of the period.
pub(super) fn of_period<'a>(basis: &'a Basis<'_>) -> Vec<&'a Incident> {
    let from = basis.period.from();
    let lasting = |it: &&Incident| it.closed().is_none_or(|closed| closed >= from);
    basis.incidents.iter().filter(lasting).collect()
}

pub(super) fn tables(basis: &Basis<'_>) -> Vec<Table> {
    vec![incidents(basis), steps(basis), corrective(basis)]
}

fn minutes(from: Timestamp, to: Option<Timestamp>) -> Cell {
    let minutes = to.map(|to| from.seconds_until(to).max(0).unsigned_abs() / 60);
    minutes.map_or(Cell::Nothing, Cell::Number)
}

fn incidents(basis: &Basis<'_>) -> Table {
    let title = Text { ja: "インシデント", en: "Incidents" };
    let mut table = Table::new(
        "incidents",
        title,
        &[
            column("incident", "番号", "incident"),
            private("title", "件名", "title"),
            column("detected", "発見", "detected"),
            column("acted", "最初の処置", "first action"),
            column("acted_minutes", "処置まで(分)", "minutes to action"),
            column("closed", "終了", "closed"),
            column("closed_minutes", "終了まで(分)", "minutes to end"),
            column("state", "状態", "state"),
            column("records", "証跡", "evidence"),
        ],
    );
    for incident in of_period(basis) {
        let state = match incident.closed() {
            Some(_) => term("closed", "終了", "closed"),
            None => term("open", "対応中", "open"),
        };
        table.row(vec![
            Cell::text(&incident.id),
            Cell::text(&incident.title),
            Cell::Time(incident.detected),
            Cell::time(incident.acted()),
            minutes(incident.detected, incident.acted()),
            Cell::time(incident.closed()),
            minutes(incident.detected, incident.closed()),
            state,
            Cell::Records(incident.sequences()),
        ]);
    }
    table
}

fn steps(basis: &Basis<'_>) -> Table {
    let title = Text { ja: "インシデントの経過", en: "Steps of incidents" };
    let mut table = Table::new(
        "incident_steps",
        title,
        &[
            column("incident", "番号", "incident"),
            column("time", "日時", "time"),
            column("kind", "種類", "kind"),
            private("by", "入力者", "entered by"),
            private("decided_by", "判断者", "decided by"),
            private("text", "内容", "what"),
            private("ground", "根拠", "ground"),
            column("evidence", "根拠の証跡", "on evidence"),
            column("record", "記録", "record"),
        ],
    )
    .private();
    for incident in of_period(basis) {
        for step in &incident.steps {
            let kind = match step.kind {
                StepKind::Note => Cell::Term(step.event.id(), step.event.text()),
                StepKind::Decision | StepKind::Action | StepKind::Corrective => {
                    Cell::Term(step.kind.id(), step.kind.text())
                }
            };
            table.row(vec![
                Cell::text(&incident.id),
                Cell::Time(step.time),
                kind,
                Cell::text(&step.by),
                Cell::text(&step.decided_by),
                Cell::text(&step.text),
                Cell::text(&step.ground),
                Cell::Records(step.evidence.clone()),
                Cell::Number(step.sequence),
            ]);
        }
    }
    table
}

fn corrective(basis: &Basis<'_>) -> Table {
    let title = Text { ja: "指摘と是正措置", en: "Findings and corrective actions" };
    let mut table = Table::new(
        "corrective",
        title,
        &[
            column("incident", "インシデント", "incident"),
            private("finding", "指摘", "finding"),
            private("measure", "是正措置", "corrective action"),
            column("recorded", "記録日時", "recorded"),
            column("state", "状態", "state"),
            column("record", "証跡", "evidence"),
        ],
    );
    for incident in of_period(basis) {
        let state = match incident.closed() {
            Some(_) => term("done", "完了", "done"),
            None => term("open", "対応中", "under way"),
        };
        let mut none = true;
        for step in incident.corrective() {
            none = false;
            table.row(vec![
                Cell::text(&incident.id),
                Cell::text(&incident.title),
                Cell::text(&step.text),
                Cell::Time(step.time),
                state.clone(),
                Cell::Number(step.sequence),
            ]);
        }
        if none {
            let state = term("none", "記録なし", "none recorded");
            table.row(vec![
                Cell::text(&incident.id),
                Cell::text(&incident.title),
                Cell::Nothing,
                Cell::Nothing,
                state,
                Cell::Nothing,
            ]);
        }
    }
    table
}
