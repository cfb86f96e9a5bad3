//! What is permitted by name and for a time: flows, exceptions and grants.

use std::collections::{HashMap, HashSet};

use super::{Change, ChangeKind};
use crate::plan::{Exception, Flow, FlowEnd, Grant, Plan};
use crate::proof::header::subtract;
use crate::proof::layer3::flow_headers;

pub(super) fn flows(old: &Plan, new: &Plan, changes: &mut Vec<Change>) {
    let known: HashMap<&str, &Flow> =
        old.permitted.iter().map(|flow| (flow.id.as_str(), flow)).collect();
    for flow in &new.permitted {
        let (from, to) = (flow.from.environment, flow.to.environment);
        let ends = [new.environment_id(from), new.environment_id(to)].map(str::to_owned);
        let change = |kind, weaker| Change::new(kind, weaker).fact("flow", &flow.id);
        match known.get(flow.id.as_str()) {
            None => {
                let [from, to] = &ends;
                let change = change(ChangeKind::FlowAdded, true);
                changes.push(change.fact("from", from).fact("to", to).of(ends));
            }
            Some(before) => {
                let same = Flow { at: flow.at.clone(), ..(*before).clone() };
                if same != *flow {
                    changes.push(change(ChangeKind::FlowChanged, wider(before, flow)).of(ends));
                }
            }
        }
    }
    let kept: HashSet<&str> = new.permitted.iter().map(|it| it.id.as_str()).collect();
    for flow in old.permitted.iter().filter(|flow| !kept.contains(flow.id.as_str())) {
        changes.push(Change::new(ChangeKind::FlowRemoved, false).fact("flow", &flow.id));
    }
}

/// Whether a flow permits a packet, a machine or a day that it did not.
fn wider(before: &Flow, flow: &Flow) -> bool {
    let more = |is: &FlowEnd, was: &FlowEnd| is.macs.iter().any(|mac| !was.macs.contains(mac));
    !subtract(flow_headers(flow, false), &flow_headers(before, false)).is_empty()
        || flow.expires > before.expires
        || flow.approved < before.approved
        || more(&flow.from, &before.from)
        || more(&flow.to, &before.to)
}

pub(super) fn exceptions(old: &Plan, new: &Plan, changes: &mut Vec<Change>) {
    let known: HashMap<&str, &Exception> =
        old.exceptions.iter().map(|it| (it.id.as_str(), it)).collect();
    for exception in &new.exceptions {
        let change = |kind| {
            Change::new(kind, true).fact("exception", &exception.id).fact("rule", &exception.rule)
        };
        match known.get(exception.id.as_str()) {
            None => changes.push(change(ChangeKind::ExceptionAdded)),
            Some(before) => {
                let were: Vec<&str> =
                    before.objects.iter().map(|object| old.object_name(object)).collect();
                let mut are = exception.objects.iter().map(|object| new.object_name(object));
                let wider = are.any(|name| !were.contains(&name))
                    || exception.expires > before.expires
                    || exception.approved < before.approved
                    || exception.rule != before.rule;
                if wider {
                    changes.push(change(ChangeKind::ExceptionExtended));
                }
            }
        }
    }
    let kept: HashSet<&str> = new.exceptions.iter().map(|it| it.id.as_str()).collect();
    for exception in old.exceptions.iter().filter(|it| !kept.contains(it.id.as_str())) {
        let change = Change::new(ChangeKind::ExceptionRemoved, false);
        changes.push(change.fact("exception", &exception.id));
    }
}

/// Grants are daily business, each with an approver and an end: shown, and never weaker.
pub(super) fn grants(old: &Plan, new: &Plan, changes: &mut Vec<Change>) {
    let known: HashMap<&str, &Grant> = old.grants.iter().map(|it| (it.id.as_str(), it)).collect();
    for grant in &new.grants {
        let kind = match known.get(grant.id.as_str()) {
            None => ChangeKind::GrantAdded,
            Some(before) => {
                let same = Grant { at: grant.at.clone(), ..(*before).clone() };
                if same == *grant {
                    continue;
                }
                ChangeKind::GrantChanged
            }
        };
        let change = Change::new(kind, false).fact("grant", &grant.id);
        let environment = new.environment_id(grant.environment);
        changes.push(change.fact("environment", environment).fact("company", &grant.company));
    }
    let kept: HashSet<&str> = new.grants.iter().map(|it| it.id.as_str()).collect();
    for grant in old.grants.iter().filter(|it| !kept.contains(it.id.as_str())) {
        changes.push(Change::new(ChangeKind::GrantRemoved, false).fact("grant", &grant.id));
    }
}
