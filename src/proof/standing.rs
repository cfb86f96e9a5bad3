//! How each rule of separation stands after a proof, as the city's self-check marks it.

use super::STATIC_RULES;
use crate::plan::{Finding, Severity};

/// How a rule of separation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Held,
    /// Only as far as an exception or a warning says.
    Limited,
    /// Something speaks against it.
    Broken,
    /// Only the running network shows it.
    Unmeasured,
}

impl Standing {
    /// `held`, `limited`, `broken` or `unmeasured`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Limited => "limited",
            Self::Broken => "broken",
            Self::Unmeasured => "unmeasured",
        }
    }

    /// The sign in the city's self-check.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Held => "○",
            Self::Limited => "△",
            Self::Broken => "×",
            Self::Unmeasured => "－",
        }
    }
}

/// Whether a finding is about a rule. R07 and R08 are R02 to R04 under every assignment and
/// failure, all of which are looked at together.
#[must_use]
pub fn concerns(rule: &str, finding: &Finding) -> bool {
    let implied = matches!(rule, "R07" | "R08");
    finding
        .kind
        .rule()
        .is_some_and(|of| of == rule || (implied && ["R02", "R03", "R04"].contains(&of.as_str())))
}

/// Every rule, R01 to R25, and how it stands.
#[must_use]
pub fn standings(findings: &[Finding]) -> Vec<(String, Standing)> {
    let one = |number: u8| {
        let rule = format!("R{number:02}");
        let gravest = findings
            .iter()
            .filter(|finding| concerns(&rule, finding))
            .filter(|finding| finding.graded.is_some() || finding.severity() > Severity::Notice)
            .map(Finding::severity)
            .max();
        let standing = match gravest {
            Some(Severity::Error) => Standing::Broken,
            Some(Severity::Warning | Severity::Notice) => Standing::Limited,
            None if STATIC_RULES.contains(&rule.as_str()) => Standing::Held,
            None => Standing::Unmeasured,
        };
        (rule, standing)
    };
    (1..=25).map(one).collect()
}
