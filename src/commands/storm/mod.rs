//! `sekisho storm`: loads any RADIUS server as honest switches would, and says how it fared.

mod options;
mod outfit;
mod prepare;
mod report;

use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::ArgMatches;

use super::arguments::shown;
use super::refusal::{Refusal, conclude};
use super::{Console, DONE, WRONG};
use crate::eap::peer::PeerVersions;
use crate::shell::process::{Used, used};
use crate::shell::{Failure, FailureKind, files, random, storm};
use crate::simulation::storm::{Caller, Load, Method, Roster, Storm, StormSettings, Tally};
use crate::vocabulary::Language;
pub(super) use options::define;
use outfit::Outfitter;
use report::Report;

/// Devices under way that fill the sessions to be resumed.
const PRIMING_OUTSTANDING: u32 = 16;
/// How long filling them may take.
const PRIMING_MAX: Duration = Duration::from_secs(120);
/// Identifiers of one source address and port (RFC 2865 §3), less a few that answers may be late
/// for.
const IDENTIFIERS: u32 = 192;
/// Source ports at most.
const PORTS_MAX: u32 = 64;

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    if let Some(("prepare", inner)) = matches.subcommand() {
        return conclude(prepare::run(inner, console), console);
    }
    match blow(matches, console.language) {
        Ok(report) => {
            report.print(matches.get_flag("json"), console);
            if report.is_right() { DONE } else { WRONG }
        }
        Err(refusal) => conclude(Err(refusal), console),
    }
}

fn number(matches: &ArgMatches, id: &str, default: u32) -> u32 {
    matches.get_one(id).copied().unwrap_or(default)
}

fn failure(kind: FailureKind, name: &'static str, value: impl ToString) -> Refusal {
    Failure::new(kind).fact(name, value).into()
}

fn blow(matches: &ArgMatches, language: Language) -> Result<Report, Refusal> {
    let server = server(matches)?;
    let mut roster = roster(matches, language)?;
    let mix = matches.get_one::<String>("mix").map(|text| eap_tls_percent(text)).transpose()?;
    let taking_part = |method| match (method, mix) {
        (_, None) => true,
        (Method::Mab, Some(eap_tls)) => eap_tls < 100,
        (Method::EapTls, Some(eap_tls)) => eap_tls > 0,
    };
    roster.entries.retain(|entry| taking_part(entry.method));
    roster.entries.truncate(number(matches, "devices", u32::MAX).try_into().unwrap_or(usize::MAX));
    for method in Method::ALL {
        let listed = roster.entries.iter().any(|entry| entry.method == method);
        if !listed && (mix.is_some() || roster.entries.is_empty()) && taking_part(method) {
            return Err(failure(FailureKind::StormNobody, "method", method.id()));
        }
    }
    if matches.get_flag("power-return") && mix.is_some_and(|percent| !matches!(percent, 0 | 100)) {
        return Err(Failure::new(FailureKind::StormMixOfAll).into());
    }
    let callers = outfitter(matches).callers(&roster)?;
    let settings = settings(matches, server, mix, &roster);
    let interrupted = storm::interruption()?;
    let interrupted = || interrupted.load(Ordering::Relaxed);
    if settings.resume_percent > 0 {
        prime(&callers, &roster, settings, server, interrupted)?;
    }
    let pid = matches.get_one::<u32>("server-pid").copied();
    let server_before = pid.map(|pid| used(Some(pid))).transpose()?;
    let own_before = used(None)?;
    let mut storm = Storm::new(callers, &roster, settings, &random::seed()?);
    storm::drive(&mut storm, server, settings.ports, |_| !interrupted())?;
    let since = |before: Used, after: Used| Used {
        processor: after.processor.saturating_sub(before.processor),
        memory_peak_kib: after.memory_peak_kib,
    };
    let own = since(own_before, used(None)?);
    let server_used = match (pid, server_before) {
        // One that ended meanwhile tells nothing, and what was counted counts.
        (Some(pid), Some(before)) => used(Some(pid)).ok().map(|after| since(before, after)),
        _ => None,
    };
    Ok(Report {
        settings,
        devices: roster.entries.len(),
        tally: storm.tally().clone(),
        missing: storm.missing(),
        own,
        server: server_used,
        server_ended: pid.is_some() && server_used.is_none(),
        interrupted: interrupted(),
        tls: matches.get_one::<String>("tls").cloned().unwrap_or_default(),
    })
}

/// Fills the sessions of every device that may resume one. What goes wrong here goes wrong
/// again in the storm, and is counted there.
fn prime(
    callers: &Arc<[Caller]>,
    roster: &Roster,
    settings: StormSettings,
    server: SocketAddrV4,
    interrupted: impl Fn() -> bool,
) -> Result<(), Refusal> {
    let listed = callers.iter().filter(|caller| caller.entry.method == Method::EapTls);
    let some: Vec<Caller> = listed.cloned().collect();
    let load = Load::PowerReturn { devices: PRIMING_OUTSTANDING };
    let settings = StormSettings {
        load,
        duration: PRIMING_MAX,
        eap_tls_percent: None,
        resume_percent: 100,
        ..settings
    };
    let mut storm = Storm::new(some.into(), roster, settings, &random::seed()?);
    // Where nobody gets in at all there is nothing to fill.
    let hopeless = |tally: &Tally| {
        tally.admitted == 0 && tally.faults.values().sum::<u64>() >= PRIMING_OUTSTANDING.into()
    };
    let goes_on = |storm: &Storm| !interrupted() && !hopeless(storm.tally());
    Ok(storm::drive(&mut storm, server, settings.ports, goes_on)?)
}

fn server(matches: &ArgMatches) -> Result<SocketAddrV4, Refusal> {
    let given = matches.get_one::<SocketAddr>("server").copied();
    let given = given.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
    let SocketAddr::V4(server) = given else {
        return Err(failure(FailureKind::StormServer, "server", given));
    };
    // A slip of the finger must not take down somebody's switches or servers.
    if !server.ip().is_loopback() && !matches.get_flag("allow-remote") {
        return Err(failure(FailureKind::StormRemote, "server", given));
    }
    Ok(server)
}

fn site(matches: &ArgMatches) -> PathBuf {
    super::site::path(matches, "site")
}

fn roster(matches: &ArgMatches, language: Language) -> Result<Roster, Refusal> {
    let folder = site(matches).join(prepare::FOLDER);
    if !folder.is_dir() {
        return Err(failure(FailureKind::StormSite, "path", shown(&folder)));
    }
    let at = |name: &str| folder.join(name);
    let (devices, clients) = (at(prepare::DEVICES), at(prepare::CLIENTS));
    let secrets = match matches.get_one::<PathBuf>("secret-file") {
        Some(path) => {
            let secret = files::read_text(path)?;
            format!("source,secret\n,\"{}\"\n", secret.trim_end().replace('"', "\"\""))
        }
        None => files::read_text(&clients)?,
    };
    Roster::parse(&files::read_text(&devices)?, &secrets).map_err(|error| {
        let blamed = match matches.get_one::<PathBuf>("secret-file") {
            _ if !error.in_clients => &devices,
            Some(path) => path,
            None => &clients,
        };
        let failure = Failure::new(FailureKind::StormRoster).fact("path", shown(blamed));
        let fault = error.fault.text().get(language);
        failure.fact("line", error.line).fact("fault", fault).into()
    })
}

fn eap_tls_percent(text: &str) -> Result<u8, Refusal> {
    let wrong = || failure(FailureKind::StormMix, "text", text);
    let (mut mab, mut eap_tls) = (0_u8, 0_u8);
    for part in text.split(',') {
        let (method, share) = part.split_once('=').ok_or_else(wrong)?;
        let share: u8 = share.trim().parse().map_err(|_| wrong())?;
        match Method::parse(method.trim()).ok_or_else(wrong)? {
            Method::Mab => mab = share,
            Method::EapTls => eap_tls = share,
        }
    }
    if mab.checked_add(eap_tls) == Some(100) { Ok(eap_tls) } else { Err(wrong()) }
}

fn settings(
    matches: &ArgMatches,
    server: SocketAddrV4,
    eap_tls_percent: Option<u8>,
    roster: &Roster,
) -> StormSettings {
    let rate = matches.get_one::<u32>("rate").copied();
    let load = match rate {
        Some(per_second) => Load::Rate { per_second },
        None if matches.get_flag("power-return") => {
            Load::PowerReturn { devices: number(matches, "outstanding", 256) }
        }
        None => Load::Outstanding { devices: number(matches, "outstanding", 32) },
    };
    // Few ports, so that identifiers come round as on a real switch, yet room for all that may
    // wait at once; an open loop may have to wait for as many as come in two seconds.
    let at_once = match load {
        Load::Rate { per_second } => per_second.saturating_mul(2),
        Load::Outstanding { devices } | Load::PowerReturn { devices } => devices,
    };
    let switches = roster.entries.iter().map(|entry| entry.source);
    let switches = switches.collect::<std::collections::BTreeSet<_>>().len().max(1);
    let switches = u32::try_from(switches).unwrap_or(u32::MAX);
    let ports = at_once.div_ceil(switches).div_ceil(IDENTIFIERS).clamp(1, PORTS_MAX);
    let seconds = if matches!(load, Load::PowerReturn { .. }) { 60 } else { 10 };
    StormSettings {
        server: SocketAddr::V4(server),
        load,
        duration: Duration::from_secs(number(matches, "duration", seconds).into()),
        starts_max: number(matches, "count", u32::MAX).into(),
        eap_tls_percent,
        resume_percent: matches.get_one("resume").copied().unwrap_or(0),
        timeout: Duration::from_millis(number(matches, "timeout", 2_000).into()),
        retries: matches.get_one("retries").copied().unwrap_or(3),
        ports: usize::try_from(ports).unwrap_or(1),
        echo: matches.get_flag("echo"),
    }
}

fn outfitter(matches: &ArgMatches) -> Outfitter {
    let site = site(matches);
    let authority = matches.get_one::<PathBuf>("authority").cloned();
    let server_name = matches.get_one::<String>("server-name").cloned();
    let versions = match matches.get_one::<String>("tls").map(String::as_str) {
        Some("1.2") => PeerVersions::Tls12,
        _ => PeerVersions::Tls13,
    };
    Outfitter {
        server_anchors: authority.unwrap_or_else(|| site.join("ca/authority.pem")),
        server_name: server_name.unwrap_or_else(|| prepare::SERVER_NAME.to_owned()),
        site,
        versions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_shares_that_add_up_to_a_hundred() {
        for (text, percent) in
            [("mab=100", 0), ("mab=30,eap-tls=70", 70), ("eap-tls=100,mab=0", 100)]
        {
            assert_eq!(eap_tls_percent(text).unwrap(), percent, "{text}");
        }
        for text in ["", "mab", "mab=50", "peap=100", "mab=200,eap-tls=156", "mab=-1,eap-tls=101"] {
            assert!(eap_tls_percent(text).is_err(), "{text}");
        }
    }
}
