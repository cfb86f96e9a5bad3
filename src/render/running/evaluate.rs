//! What the running rules accept from one interface to another: the first match speaks, and a
//! packet must be accepted by every chain at the forward hook.

use super::expression::Match;
use super::ruleset::{ChainId, Ruleset, Verdict};
use super::{BOXES_MAX, universe};
use crate::proof::{Header, others, subtract};

/// Chains that jump into each other, at most; nftables itself allows 16.
const DEPTH_MAX: usize = 32;

/// From where to where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    pub(super) input: &'a str,
    pub(super) output: &'a str,
}

/// Packets that are accepted, and by what.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) header: Header,
    pub(super) by: By,
}

/// What accepts a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// A rule.
    Rule { table: String, chain: String, handle: u64 },
    /// That no rule and no policy drops it.
    Policy,
}

impl Ruleset {
    /// What is accepted; `None` when that takes too many boxes.
    pub(super) fn accepted(&self, way: Way<'_>) -> Option<Vec<Accepted>> {
        let all = universe().into_iter().map(|header| Accepted { header, by: By::Policy });
        let mut accepted: Vec<Accepted> = all.collect();
        for (id, base) in &self.bases {
            let mut passing = Vec::new();
            let (inside, outside) = split(&accepted, &id.family);
            // Packets of families that the table does not see pass it by.
            let start = inside.iter().map(|each| each.header).collect();
            let left = self.walk(id, start, way, &mut passing, 0)?;
            if base.accept {
                passing.extend(left.into_iter().map(|header| Accepted { header, by: By::Policy }));
            }
            let mut next = outside;
            for one in &inside {
                for other in &passing {
                    let Some(header) = one.header.and(&other.header) else { continue };
                    let by = if other.by == By::Policy { &one.by } else { &other.by };
                    next.push(Accepted { header, by: by.clone() });
                    if next.len() > BOXES_MAX {
                        return None;
                    }
                }
            }
            accepted = next;
        }
        Some(accepted)
    }

    /// Hands packets through a chain; what neither ends comes back to whoever jumped here.
    fn walk(
        &self,
        id: &ChainId,
        packets: Vec<Header>,
        way: Way<'_>,
        accepted: &mut Vec<Accepted>,
        depth: usize,
    ) -> Option<Vec<Header>> {
        let mut left = packets;
        let mut back = Vec::new();
        if depth > DEPTH_MAX {
            return None;
        }
        let rules = self.chains.get(id).map_or(&[][..], |chain| chain.rules.as_slice());
        for rule in rules {
            let Some(verdict) = &rule.verdict else { continue };
            let matching = matching(&rule.matches, way);
            let hit: Vec<Header> = left
                .iter()
                .flat_map(|one| matching.iter().filter_map(|other| one.and(other)))
                .collect();
            if hit.is_empty() {
                continue;
            }
            left = subtract(left, &matching);
            // Boxes of a rule may overlap: each packet goes one way.
            let hit = apart(hit);
            match verdict {
                Verdict::Drop => {}
                Verdict::Return => back.extend(hit),
                Verdict::Accept => {
                    let by = By::Rule {
                        table: id.table.clone(),
                        chain: id.name.clone(),
                        handle: rule.handle,
                    };
                    accepted
                        .extend(hit.into_iter().map(|header| Accepted { header, by: by.clone() }));
                }
                Verdict::Jump(name) | Verdict::Goto(name) => {
                    let target = ChainId { name: name.clone(), ..id.clone() };
                    let inner = self.walk(&target, hit, way, accepted, depth + 1)?;
                    // After a `goto` the way back leads past this chain.
                    match verdict {
                        Verdict::Jump(_) => left.extend(inner),
                        _ => back.extend(inner),
                    }
                }
            }
            if left.len() + back.len() + accepted.len() > BOXES_MAX {
                return None;
            }
        }
        back.extend(left);
        Some(back)
    }
}

/// Splits by whether a table's family sees a packet.
fn split(accepted: &[Accepted], family: &str) -> (Vec<Accepted>, Vec<Accepted>) {
    let v6: Vec<Header> = others();
    let is_v6 = |header: &Header| {
        v6.iter().any(|own| own.from.and(header.from).is_some() && own.to.and(header.to).is_some())
    };
    let seen = |each: &Accepted| match family {
        "ip" => !is_v6(&each.header),
        "ip6" => is_v6(&each.header),
        _ => true,
    };
    accepted.iter().cloned().partition(seen)
}

/// The same packets in boxes that do not overlap.
fn apart(boxes: Vec<Header>) -> Vec<Header> {
    let mut apart: Vec<Header> = Vec::with_capacity(boxes.len());
    for one in boxes {
        let fresh = subtract(vec![one], &apart);
        apart.extend(fresh);
    }
    apart
}

/// The boxes that satisfy every question of a rule.
fn matching(questions: &[Match], way: Way<'_>) -> Vec<Header> {
    let mut boxes = universe();
    for question in questions {
        match question {
            Match::Headers(asked) => {
                boxes = boxes
                    .iter()
                    .flat_map(|one| asked.iter().filter_map(|other| one.and(other)))
                    .collect();
            }
            Match::Interface { input, names, equal } => {
                let own = if *input { way.input } else { way.output };
                let named = names.iter().any(|name| match name.strip_suffix('*') {
                    Some(start) => own.starts_with(start),
                    None => own == name,
                });
                if named != *equal {
                    return Vec::new();
                }
            }
        }
    }
    boxes
}
