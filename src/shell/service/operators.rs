//! What operators ask over the control socket.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Service;
use super::enforce::summary_json;
use crate::plan::{Finding, Plan};
use crate::proof::Change;
use crate::shell::control::{Command, MarkKindWord, Reply, Request};
use crate::shell::store::{Generation, kind_id};
use crate::shell::{Failure, FailureKind, log};
use crate::vocabulary::{Fact, Language, Mac, Mark, MarkKind, MarkSubject, Text, Timestamp, hex};

/// Longest reason of a mark in octets.
const REASON_OCTETS_MAX: usize = 1000;
/// The copy of the state store for whoever makes a backup, inside the state directory.
const BACKUP_FILE: &str = "backup.sqlite";

impl Service {
    /// Carries out what an operator asks.
    pub(super) fn control(&mut self, now: Timestamp, request: &Request, by: &str) -> Reply {
        let language = request.language();
        let result = match &request.command {
            Command::Reload { accept } => match self.reload(now, by, accept.as_ref(), language) {
                Ok(result) => Ok(result),
                Err(refused) => {
                    let findings = findings_json(&refused.findings, language);
                    let reply = Reply::failed(&refused.failure, language);
                    let changes = changes_json(&refused.changes, language);
                    let result = json!({ "findings": findings, "changes": changes });
                    return Reply { result, ..reply };
                }
            },
            Command::Status => Ok(self.status(now)),
            Command::PlanList => self.plan_list(),
            Command::PlanShow { generation } => self.plan_show(*generation),
            Command::PlanRollback { generation } => {
                self.rollback(now, *generation, by).map_err(|refused| refused.failure)
            }
            Command::MarkAdd { subject, kind, reason, until } => {
                self.mark_add(now, subject, *kind, reason, until.as_deref(), by)
            }
            Command::MarkRelease { mark } => self.mark_release(now, *mark, by),
            Command::MarkList => self.mark_list(now),
            Command::IncidentOpen { title, detected, basis } => {
                self.incident_open(now, title, detected.as_deref(), basis, by)
            }
            Command::IncidentNote { incident, kind, text, basis } => {
                self.incident_note(now, incident, kind, text, basis, by)
            }
            Command::IncidentClose { incident, basis } => {
                self.incident_close(now, incident, basis, by)
            }
            Command::BackupBegin => self.backup_begin(),
            Command::BackupEnd { path, sequence, cause } => {
                let mut facts = vec![
                    ("path", path.clone()),
                    ("sequence", sequence.to_string()),
                    ("by", by.to_owned()),
                ];
                let event = match cause {
                    None => log::Event::BackupDone,
                    Some(_) => log::Event::BackupFailed,
                };
                facts.extend(cause.iter().map(|cause| ("cause", cause.clone())));
                self.log.event(now, event, &facts);
                Ok(json!({}))
            }
            Command::Quarantine { subject, reason, until } => {
                let kind = MarkKindWord::Quarantine;
                self.mark_add(now, subject, kind, reason, until.as_deref(), by)
            }
            Command::Release { subject, reason } => self.release(now, subject, reason, by),
            Command::Disconnect { subject, reason } => self.disconnect(now, subject, reason, by),
            Command::SwitchStatus { switch } => self.switch_status(switch.as_deref()),
            Command::SwitchSweep { switch } => self.switch_sweep(switch),
            Command::EnforceList => self.enforce_list(language),
            Command::SensorList => Ok(self.sensor_list()),
            Command::SensorChanges => self.sensor_changes(language),
            Command::SensorAccept { subject, reason } => {
                self.sensor_decide(now, subject, true, (reason, by), language)
            }
            Command::SensorDeny { subject, reason } => {
                self.sensor_decide(now, subject, false, (reason, by), language)
            }
            Command::TripwireRevoke { asset, reason } => {
                self.tripwire_revoke(now, asset, reason, by)
            }
            Command::TripwireRevoked => self.tripwire_revoked(),
            // Reports come by another way, which waits until they are kept.
            Command::Observe { .. } => Err(Failure::new(FailureKind::NotHere)),
            Command::EnforceApprove { number, reason } => {
                self.enforce_approve(now, *number, reason, by)
            }
        };
        let command = ("command", request.command.name().to_owned());
        match result {
            Ok(result) => {
                if request.command.changes() {
                    let facts = [command, ("by", by.to_owned())];
                    self.log.event(now, log::Event::ControlRequest, &facts);
                }
                let done = Text { ja: "実行しました", en: "done" };
                Reply::done(done.get(language).to_owned(), result)
            }
            Err(failure) => {
                let cause = ("cause", failure.message(self.log.language()));
                let facts = [command, ("by", by.to_owned()), cause];
                self.log.event(now, log::Event::ControlRefused, &facts);
                Reply::failed(&failure, language)
            }
        }
    }

    fn status(&self, now: Timestamp) -> Value {
        let plan = &self.snapshot.plan;
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "node": plan.server.node_name,
            "generation": self.snapshot.generation,
            "content_hash": hex(&plan.content_hash),
            "since": self.since.rfc3339(),
            "uptime_s": self.since.seconds_until(now),
            "authentication": self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "accounting": self.accounting.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "evidence": {
                "healthy": self.metrics.evidence_healthy.get() == 1,
                "sequence": self.metrics.evidence_head.get(),
                "spooled": self.metrics.evidence_spooled.get(),
            },
            "metrics": self.metrics_address.map(|address| address.to_string()),
            "detection": self.detection.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "api": self.api_address.map(|address| address.to_string()),
            "clients": plan.switches.iter().filter(|switch| switch.is_client()).count(),
            "devices": plan.devices.len(),
            "reload_success": self.metrics.reload_success.get() == 1,
            "log_lines_missing": self.log.missing(),
        })
    }

    fn switch_status(&self, switch: Option<&str>) -> Result<Value, Failure> {
        let unknown =
            || Failure::new(FailureKind::SwitchUnknown).fact("switch", switch.unwrap_or_default());
        self.survey.status(switch)?.ok_or_else(unknown)
    }

    fn switch_sweep(&self, switch: &str) -> Result<Value, Failure> {
        let before = self.switch_status(Some(switch))?;
        if self.survey.sweep(switch)? {
            return Ok(before);
        }
        Err(Failure::new(FailureKind::SwitchUnasked).fact("switch", switch))
    }

    fn backup_begin(&mut self) -> Result<Value, Failure> {
        let state = self.state.clone().ok_or(Failure::new(FailureKind::StateAbsent))?;
        self.store()?.copy_to(&state.join(BACKUP_FILE))?;
        Ok(json!({ "path": BACKUP_FILE }))
    }

    fn plan_list(&mut self) -> Result<Value, Failure> {
        let current = self.snapshot.generation;
        let list = self.store()?.generations()?;
        Ok(list.iter().map(|each| generation_json(each, current)).collect())
    }

    fn plan_show(&mut self, generation: u64) -> Result<Value, Failure> {
        let current = self.snapshot.generation;
        let (found, sources) = self.store()?.load(generation)?;
        let mut value = generation_json(&found, current);
        let files = |tree: &str, files: &BTreeMap<String, Vec<u8>>| {
            let file = |(path, content): (&String, &Vec<u8>)| {
                let content = match std::str::from_utf8(content) {
                    Ok(text) => json!(text),
                    Err(_) => json!({ "hex": hex(content) }),
                };
                (format!("{tree}/{path}"), content)
            };
            files.iter().map(file).collect::<Vec<_>>()
        };
        let all = [files("config", &sources.config), files("topology", &sources.topology)];
        let all: serde_json::Map<String, Value> = all.into_iter().flatten().collect();
        if let Value::Object(fields) = &mut value {
            fields.insert("files".to_owned(), Value::Object(all));
        }
        Ok(value)
    }

    fn mark_add(
        &mut self,
        now: Timestamp,
        subject: &str,
        kind: MarkKindWord,
        reason: &str,
        until: Option<&str>,
        by: &str,
    ) -> Result<Value, Failure> {
        check_reason(reason)?;
        let until = until.map(|text| {
            Timestamp::parse_end(text)
                .map_err(|_| Failure::new(FailureKind::DateMalformed).fact("text", text))
                .and_then(|until| match until > now {
                    true => Ok(until),
                    false => Err(Failure::new(FailureKind::MarkEnded).fact("text", text)),
                })
        });
        let kind = match kind {
            MarkKindWord::Quarantine => MarkKind::Quarantine,
            MarkKindWord::Refuse => MarkKind::Refuse,
        };
        let subject = self.subject(subject)?;
        let mark = self.mark(now, subject, kind, reason, until.transpose()?, by)?;
        let mut result = mark_json(&mark);
        if let Value::Object(fields) = &mut result {
            fields.insert("sessions".to_owned(), summary_json(&self.followed));
        }
        Ok(result)
    }

    /// Puts a mark in force.
    pub(super) fn mark(
        &mut self,
        now: Timestamp,
        subject: MarkSubject,
        kind: MarkKind,
        reason: &str,
        until: Option<Timestamp>,
        by: &str,
    ) -> Result<Mark, Failure> {
        let (reason, by) = (reason.to_owned(), by.to_owned());
        let mark = Mark { id: 0, subject, kind, reason, by, since: now, until };
        let mark = self.store()?.add_mark(&mark)?;
        self.take_marks(now)?;
        let mut facts = vec![
            ("mark", mark.id.to_string()),
            ("kind", kind_id(mark.kind).to_owned()),
            ("reason", mark.reason.clone()),
            ("until", mark.until.map(Timestamp::rfc3339).unwrap_or_default()),
            ("by", mark.by.clone()),
        ];
        facts.extend(subject_facts(&mark.subject));
        self.log.event(now, log::Event::MarkAdded, &facts);
        Ok(mark)
    }

    fn mark_release(&mut self, now: Timestamp, mark: i64, by: &str) -> Result<Value, Failure> {
        let released = self.store()?.marks(now)?.into_iter().find(|found| found.id == mark);
        self.store()?.release_mark(mark, by, now)?;
        self.take_marks(now)?;
        let mut facts = vec![("mark", mark.to_string()), ("by", by.to_owned())];
        facts.extend(released.iter().flat_map(|found| subject_facts(&found.subject)));
        self.log.event(now, log::Event::MarkReleased, &facts);
        let still = released.map(|found| self.marked_still(now, &found.subject));
        Ok(json!({
            "mark": mark,
            "also_marked": still.unwrap_or_default(),
            "sessions": summary_json(&self.followed),
        }))
    }

    fn mark_list(&mut self, now: Timestamp) -> Result<Value, Failure> {
        Ok(self.store()?.marks(now)?.iter().map(mark_json).collect())
    }
}

/// Refuses a reason that says nothing or too much.
pub(super) fn check_reason(reason: &str) -> Result<(), Failure> {
    if reason.trim().is_empty() {
        return Err(Failure::new(FailureKind::TextEmpty).fact("field", "reason"));
    }
    if reason.len() > REASON_OCTETS_MAX {
        let failure = Failure::new(FailureKind::TextTooLong).fact("field", "reason");
        return Err(failure.fact("limit", REASON_OCTETS_MAX));
    }
    Ok(())
}

/// Reads whom a mark concerns: a MAC address in any spelling, an asset number, a computer name,
/// or `switch:port`.
///
/// # Errors
/// The plan knows no such thing, or two.
pub fn mark_subject(plan: &Plan, text: &str) -> Result<MarkSubject, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::new(FailureKind::SubjectMalformed).fact("subject", text));
    }
    if let Ok(mac) = Mac::parse(text) {
        return Ok(MarkSubject::Mac(mac));
    }
    if plan.device_by_asset(text).is_some() {
        return Ok(MarkSubject::Asset(text.to_owned()));
    }
    let mut named = plan.devices.iter().filter(|it| it.computer.eq_ignore_ascii_case(text));
    match (named.next(), named.next()) {
        (Some(device), None) => return Ok(MarkSubject::Asset(device.asset.clone())),
        (Some(_), Some(_)) => {
            return Err(Failure::new(FailureKind::SubjectAmbiguous).fact("subject", text));
        }
        (None, _) => {}
    }
    let known = text.split_once(':').filter(|(switch, port)| {
        let switch = plan.switch_by_id(switch);
        switch.is_some_and(|switch| plan.port_by_name(switch, port).is_some())
    });
    match known {
        Some((switch, port)) => Ok(MarkSubject::Port(switch.to_owned(), port.to_owned())),
        None => Err(Failure::new(FailureKind::SubjectUnknown).fact("subject", text)),
    }
}

pub(super) fn subject_text(subject: &MarkSubject) -> String {
    match subject {
        MarkSubject::Mac(mac) => mac.to_string(),
        MarkSubject::Asset(asset) => asset.clone(),
        MarkSubject::Port(switch, port) => format!("{switch}:{port}"),
    }
}

/// Whom a mark concerns, also in the fields by which evidence is searched.
pub(super) fn subject_facts(subject: &MarkSubject) -> Vec<(&'static str, String)> {
    let mut facts = vec![("subject", subject_text(subject))];
    match subject {
        MarkSubject::Mac(mac) => facts.push(("mac", mac.to_string())),
        MarkSubject::Asset(asset) => facts.push(("asset", asset.clone())),
        MarkSubject::Port(switch, _) => facts.push(("switch", switch.clone())),
    }
    facts
}

fn mark_json(mark: &Mark) -> Value {
    json!({
        "mark": mark.id,
        "subject": subject_text(&mark.subject),
        "kind": kind_id(mark.kind),
        "reason": mark.reason,
        "by": mark.by,
        "since": mark.since.rfc3339(),
        "until": mark.until.map(Timestamp::rfc3339),
    })
}

fn generation_json(generation: &Generation, current: u64) -> Value {
    json!({
        "generation": generation.generation,
        "content_hash": hex(&generation.content_hash),
        "accepted": generation.accepted.rfc3339(),
        "by": generation.by,
        "restored_from": generation.restored_from,
        "kept": generation.kept,
        "in_force": generation.generation == current,
    })
}

/// Findings as the control socket and `check --json` show them.
#[must_use]
pub fn findings_json(findings: &[Finding], language: Language) -> Value {
    findings.iter().map(|finding| finding_json(finding, language)).collect()
}

/// One finding, as [`findings_json`] shows it.
#[must_use]
pub fn finding_json(finding: &Finding, language: Language) -> Value {
    json!({
            "id": finding.kind.id(),
            "severity": finding.severity().id(),
            "rule": finding.kind.rule(),
            "file": finding.at.as_ref().map(|at| at.file.to_string()),
            "line": finding.at.as_ref().map(|at| at.line),
            "field": finding.field,
            "text": finding.text(language),
            "remedy": finding.remedy(language),
            "facts": facts_json(&finding.facts, language),
            "witness": finding.witness.iter().map(|step| json!({
                "id": step.kind.id(),
                "text": step.text(language),
                "facts": facts_json(&step.facts, language),
            })).collect::<Vec<_>>(),
    })
}

/// Changes as the control socket and `diff --json` show them.
#[must_use]
pub fn changes_json(changes: &[Change], language: Language) -> Value {
    let one = |change: &Change| {
        json!({
            "id": change.kind.id(),
            "weaker": change.weaker,
            "environments": change.environments,
            "text": change.text(language),
            "facts": facts_json(&change.facts, language),
            "finding": change.finding.as_ref().map(|finding| finding_json(finding, language)),
        })
    };
    changes.iter().map(one).collect()
}

fn facts_json(facts: &[(&'static str, Fact)], language: Language) -> Value {
    facts.iter().map(|(name, fact)| ((*name).to_owned(), json!(fact.get(language)))).collect()
}
