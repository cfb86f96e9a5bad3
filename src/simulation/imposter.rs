//! Attempts that must come to nothing, or to quarantine.

use super::city::{Attempt, Expected, Spot, Spots, Story, with_fault};
use super::device::Credential;
use super::wallet::{Flaw, Paper};
use crate::plan::{Device, Medium, Method, Plan};
use crate::vocabulary::{DeviceIndex, Mac, Point, Random};

/// Imposters of each kind.
const EACH: usize = 6;
/// Draws before a kind for which the city has no example is given up.
const DRAWS_MAX: usize = 10_000;

/// `EACH` imposters of every kind that the city can have, kinds in turn.
pub(super) fn attempts(
    plan: &Plan,
    spots: &Spots<'_>,
    honest: &[Attempt],
    seed: &[u8; 32],
) -> Vec<Attempt> {
    let mut stage = Stage { plan, spots: &spots.all, honest, random: Random::new(seed) };
    let mut attempts = Vec::new();
    for _ in 0..EACH {
        for story in Story::ALL {
            attempts.extend((0..DRAWS_MAX).find_map(|_| stage.draw(*story)));
        }
    }
    attempts
}

/// What imposters are drawn from.
struct Stage<'a> {
    plan: &'a Plan,
    spots: &'a [Spot],
    honest: &'a [Attempt],
    random: Random,
}

/// A registered device that holds a certificate and uses a cable, and where it honestly does.
struct Victim<'a> {
    index: DeviceIndex,
    device: &'a Device,
    name: &'a str,
    attempt: &'a Attempt,
}

impl<'a> Stage<'a> {
    /// One imposter, or nothing when the dice gave a pair that does not fit.
    fn draw(&mut self, story: Story) -> Option<Attempt> {
        match story {
            Story::Honest => None,
            Story::UnknownMac => {
                let [last] = self.random.octets();
                // Addresses that stand for no maker's device (RFC 7042 §2.1.2).
                self.stranger(story, [0, 0, 0x5e, 0, 0x53, last], "device")
            }
            Story::RandomMac => {
                let [first, rest @ ..] = self.random.octets::<6>();
                let [a, b, c, d, e] = rest;
                self.stranger(story, [first & 0xfc | 2, a, b, c, d, e], "device")
            }
            Story::BorrowedCertificate => {
                let (victim, thief) = (self.victim()?, self.victim()?);
                let paper = paper(victim.name, None);
                let mut attempt = pretend(story, &victim, paper, "certificate");
                attempt.mac = thief.attempt.mac;
                (victim.index != thief.index).then_some(attempt)
            }
            Story::UnregisteredCertificate => {
                let victim = self.victim()?;
                let [a, b] = self.random.octets::<2>();
                let name = format!("unregistered-{a:02x}{b:02x}.example");
                let taken = self.plan.device_by_identity(&name).is_some();
                let attempt = pretend(story, &victim, paper(&name, None), "certificate");
                (!taken).then_some(Attempt { device: None, ..attempt })
            }
            Story::ExpiredCertificate => {
                let victim = self.victim()?;
                let paper = paper(victim.name, Some(Flaw::Expired));
                Some(pretend(story, &victim, paper, "certificate"))
            }
            Story::OtherAuthority => {
                let victim = self.victim()?;
                let paper = paper(victim.name, Some(Flaw::OtherAuthority));
                Some(pretend(story, &victim, paper, "certificate"))
            }
            Story::FallenBack => {
                let victim = self.victim()?;
                let spot = self.spots.iter().find(|spot| spot.place == victim.attempt.place)?;
                let expected =
                    with_fault(self.plan, victim.device, Method::Mab, spot, "certificate");
                let attempt = pretend(story, &victim, Credential::Mac, "certificate");
                self.speaks_mab(spot).then_some(Attempt { expected, ..attempt })
            }
            Story::NotServed | Story::Misplaced => {
                let victim = self.victim()?;
                let spot = self.spot(Medium::Wired)?;
                let served = spot.vlan(victim.device.environment).is_some();
                let area = victim.device.place.as_ref()?;
                let inside = self.plan.area_contains(area, &spot.place);
                let fits = !inside && served == (story == Story::Misplaced);
                let expected = with_fault(self.plan, victim.device, Method::EapTls, spot, "place");
                let attempt = pretend(story, &victim, paper(victim.name, None), "place");
                fits.then_some(Attempt { place: spot.place.clone(), expected, ..attempt })
            }
            Story::WirelessMac => {
                let victim = self.victim()?;
                let spot = self.spot(Medium::Wireless)?;
                // Controllers that may not use MAC authentication at all are told so first.
                let family = if self.speaks_mab(spot) { "wireless" } else { "mab" };
                let attempt = pretend(story, &victim, Credential::Mac, family);
                Some(Attempt { place: spot.place.clone(), ..attempt })
            }
        }
    }

    /// Someone nobody registered, with that address, at some port.
    fn stranger(&mut self, story: Story, mac: [u8; 6], family: &'static str) -> Option<Attempt> {
        let mac = Mac::new(mac).ok()?;
        let spot = self.spot(Medium::Wired)?;
        let known = self.plan.device_by_mac(mac).is_some()
            || self.plan.grants_for(Some(mac), &[]).next().is_some();
        (!known && self.speaks_mab(spot)).then(|| Attempt {
            id: 0,
            story,
            device: None,
            mac,
            place: spot.place.clone(),
            credential: Credential::Mac,
            expected: Expected::Refused { family },
        })
    }

    fn victim(&mut self) -> Option<Victim<'a>> {
        let attempt = pick(&mut self.random, self.honest)?;
        let index = attempt.device?;
        let device = self.plan.device(index)?;
        let name = device.certificate.as_deref()?;
        let wired = matches!(attempt.place.point, Point::Port(_));
        wired.then_some(Victim { index, device, name, attempt })
    }

    fn spot(&mut self, medium: Medium) -> Option<&'a Spot> {
        // The air is a small part of all spots: go on from a random one to the next that fits.
        let start = self.random.octets().map(u64::from);
        let [a, b, c] = start;
        let start = usize::try_from(a << 16 | b << 8 | c).ok()?;
        let start = start.checked_rem(self.spots.len())?;
        let (before, after) = self.spots.split_at_checked(start)?;
        after.iter().chain(before).find(|spot| spot.medium == medium)
    }

    fn speaks_mab(&self, spot: &Spot) -> bool {
        let profile = self.plan.profile_of(spot.place.switch);
        profile.is_some_and(|profile| !profile.request.mab_forms.is_empty())
    }
}

fn paper(name: &str, flaw: Option<Flaw>) -> Credential {
    Credential::Certificate(Paper { name: name.to_owned(), flaw })
}

/// The victim's own attempt with another credential.
fn pretend(
    story: Story,
    victim: &Victim<'_>,
    credential: Credential,
    family: &'static str,
) -> Attempt {
    let expected = Expected::Refused { family };
    Attempt { story, credential, expected, ..victim.attempt.clone() }
}

fn pick<'a, T>(random: &mut Random, list: &'a [T]) -> Option<&'a T> {
    let number = u32::from_be_bytes(random.octets());
    list.get(usize::try_from(number).ok()?.checked_rem(list.len())?)
}
