//! Every invented network is one that the service would take.

use super::network::{Size, generate};
use crate::plan::{self, Finding, Severity};
use crate::proof;
use crate::vocabulary::Timestamp;

/// 2026-11-24, when none of the dates in the files is near.
const NOW: Timestamp = Timestamp(1_795_500_000_000);

fn told(finding: &Finding) -> String {
    format!("{:?} {} {:?}", finding.at, finding.kind.id(), finding.facts)
}

#[test]
fn every_size_compiles_and_is_proven_and_has_what_it_says() {
    for (size, rules) in [
        (Size::TOWN, 0..1),
        (Size::LARGE, 1_000..5_000),
        (Size::GROWTH[0], 1..5_000),
        (Size::with_devices(3_118, 10), 0..1),
    ] {
        let compiled = plan::compile(&generate(&size), NOW);
        let loud = compiled.findings.iter().filter(|it| it.severity() > Severity::Notice);
        let loud: Vec<String> = loud.map(told).collect();
        assert!(loud.is_empty(), "{size:?}: {loud:#?}");
        let plan = compiled.plan.unwrap();
        assert_eq!(plan.switches.len(), usize::from(size.switches));
        let vlans: usize = plan.environments.iter().map(|of| of.vlans.len()).sum();
        assert_eq!(vlans, usize::from(size.vlans));
        assert_eq!(plan.devices.len(), usize::try_from(size.endpoints).unwrap());
        assert_eq!(plan.permitted.len(), usize::from(size.flows));
        let written: usize = plan.acls.iter().map(|acl| acl.rules.len()).sum();
        assert!(rules.contains(&written), "{written} rules");

        let proof = proof::prove(&plan, None, NOW);
        let found: Vec<String> = proof.findings.iter().map(told).collect();
        assert!(found.is_empty(), "{size:?}: {found:#?}");
        assert_eq!(proof.crossings.len(), 4, "A and B, B and C, both ways");
    }
}

#[test]
fn the_same_size_gives_the_same_octets() {
    for size in [Size::TOWN, Size::GROWTH[0]] {
        assert_eq!(generate(&size).content_hash(), generate(&size).content_hash());
    }
    let larger = Size { endpoints: Size::TOWN.endpoints + 1, ..Size::TOWN };
    assert_ne!(generate(&larger).content_hash(), generate(&Size::TOWN).content_hash());
}
