//! Compares the machine's clock with the city's time servers, and sets nothing.
//!
//! Evidence, certificates and grants are worth what the clock is worth, and a machine whose own
//! NTP client has died does not know it. One thread asks every server of `[clock]` by SNTP
//! (RFC 4330, RFC 5905 §14); what it concludes is an event.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rsntp::{Config, SntpClient};

use super::clock::Clock;
use super::log::{Event, Log};
use super::metrics::Metrics;
use super::{Failure, FailureKind};
use crate::plan::Timeservers;

/// From one round to the next; RFC 4330 §10 forbids less than 15 s.
const EVERY: Duration = Duration::from_secs(64);
/// The same while none answers.
const UNANSWERED_EVERY: Duration = Duration::from_secs(16);
/// Until it is said that none answers.
const UNANSWERED_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a server may take.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How often it is put on record that the clock was compared.
const RECORD_EVERY: Duration = Duration::from_secs(86_400);

type Told = (Event, Vec<(&'static str, String)>);

/// The running thread.
#[derive(Debug)]
pub(super) struct Timekeeper {
    /// `None` ends it.
    inputs: Sender<Option<Timeservers>>,
    thread: JoinHandle<()>,
}

impl Timekeeper {
    /// Starts the thread; whom to ask comes by [`Timekeeper::replace`].
    ///
    /// # Errors
    /// The machine gives no thread.
    pub(super) fn start(log: Log, metrics: Arc<Metrics>, clock: Clock) -> Result<Self, Failure> {
        let (inputs, receiver) = channel();
        let servers = Timeservers::default();
        let work = Work { receiver, servers, judge: Judge::default(), log, metrics, clock };
        let thread = std::thread::Builder::new()
            .name("timekeeper".to_owned())
            .spawn(move || work.run())
            .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        Ok(Self { inputs, thread })
    }

    /// Goes on with these servers.
    pub(super) fn replace(&self, servers: Timeservers) {
        let _ = self.inputs.send(Some(servers)); // OK because it is stopping
    }

    /// Puts on record what was measured, and ends.
    pub(super) fn stop(self) {
        let _ = self.inputs.send(None); // OK because a thread that is gone needs no end
        let _ = self.thread.join();
    }
}

struct Work {
    receiver: Receiver<Option<Timeservers>>,
    servers: Timeservers,
    judge: Judge,
    log: Log,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Work {
    fn run(mut self) {
        let mut wait = Duration::MAX;
        loop {
            match self.receiver.recv_timeout(wait) {
                Ok(Some(servers)) if servers == self.servers => continue,
                Ok(Some(servers)) => self.replace(servers),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(None) | Err(RecvTimeoutError::Disconnected) => break,
            }
            wait = if self.servers.servers.is_empty() { Duration::MAX } else { self.round() };
        }
        let last = self.judge.record();
        self.tell(last);
    }

    fn replace(&mut self, servers: Timeservers) {
        for server in &self.servers.servers {
            self.forget(*server);
        }
        let last = self.judge.record();
        self.tell(last);
        self.judge.unanswered = None;
        self.servers = servers;
    }

    /// Asks every server once; says when to ask again.
    fn round(&mut self) -> Duration {
        let (mut readings, mut cause) = (Vec::new(), String::new());
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asked = self.servers.servers.iter();
            let asked: Vec<_> = asked.map(|it| (it, scope.spawn(|| ask(*it)))).collect();
            asked.into_iter().filter_map(|(it, asked)| Some((it, asked.join().ok()?))).collect()
        });
        for (server, answer) in answers {
            match answer {
                Ok(reading) => {
                    let label = server.to_string();
                    self.metrics.clock_offset.with_label_values(&[&label]).set(reading.offset_s);
                    readings.push(reading);
                }
                Err(error) => {
                    self.forget(*server);
                    cause = format!("{server}: {error}");
                }
            }
        }
        let wait = if readings.is_empty() { UNANSWERED_EVERY } else { EVERY };
        let now = self.clock.now().monotonic;
        let told = self.judge.handle(now, &self.servers, readings, &cause);
        told.into_iter().for_each(|told| self.tell(Some(told)));
        wait
    }

    fn forget(&self, server: SocketAddr) {
        // OK because one that has not answered yet has no series.
        let _ = self.metrics.clock_offset.remove_label_values(&[&server.to_string()]);
    }

    fn tell(&self, told: Option<Told>) {
        if let Some((event, facts)) = told {
            self.log.event(self.clock.now().wall, event, &facts);
        }
    }
}

/// What one server says.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// Its clock minus ours, in seconds.
    offset_s: f64,
    /// The round trip, in seconds: the offset is uncertain by half of it.
    delay_s: f64,
}

fn ask(server: SocketAddr) -> Result<Reading, rsntp::SynchronizationError> {
    let own = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let config = Config::default().bind_address(own).timeout(TIMEOUT).connect_ip(true);
    let result = SntpClient::with_config(config).synchronize(server.to_string())?;
    let offset_s = result.clock_offset().as_secs_f64();
    Ok(Reading { offset_s, delay_s: result.round_trip_delay().as_secs_f64().max(0.0) })
}

/// Concludes from readings whether the clock is right.
#[derive(Debug, Default)]
struct Judge {
    off: bool,
    /// Since when none answers, and whether that was told.
    unanswered: Option<(Duration, bool)>,
    /// Since when these are counted, how many there were, and the furthest off, in seconds.
    since: Option<Duration>,
    count: u64,
    most_s: f64,
}

impl Judge {
    /// Takes the readings of one round; `cause` says why one is missing.
    fn handle(
        &mut self,
        now: Duration,
        settings: &Timeservers,
        readings: Vec<Reading>,
        cause: &str,
    ) -> Vec<Told> {
        let mut told = Vec::new();
        let servers = || {
            let servers: Vec<String> = settings.servers.iter().map(ToString::to_string).collect();
            ("servers", servers.join(" "))
        };
        let Some(reading) = middle(readings) else {
            let (since, said) = self.unanswered.get_or_insert((now, false));
            let span = now.saturating_sub(*since);
            if !*said && span >= UNANSWERED_MAX {
                *said = true;
                let minutes = ("minutes", (span.as_secs() / 60).to_string());
                let facts = vec![minutes, servers(), ("cause", cause.to_owned())];
                told.push((Event::ClockUnmeasured, facts));
            }
            return told;
        };
        self.unanswered = None;
        let offset_s = reading.offset_s.abs();
        let off = offset_s > settings.offset_max.as_secs_f64() + reading.delay_s / 2.0;
        if off != self.off {
            self.off = off;
            let event = if off { Event::ClockOff } else { Event::ClockRight };
            told.push((event, vec![seconds(offset_s), servers()]));
        }
        self.count += 1;
        self.most_s = self.most_s.max(offset_s);
        if now.saturating_sub(*self.since.get_or_insert(now)) >= RECORD_EVERY {
            told.extend(self.record());
        }
        told
    }

    /// What was measured since the last record.
    fn record(&mut self) -> Option<Told> {
        self.since = None;
        let (count, most_s) = (std::mem::take(&mut self.count), std::mem::take(&mut self.most_s));
        let facts = vec![("count", count.to_string()), seconds(most_s)];
        (count > 0).then_some((Event::ClockMeasured, facts))
    }
}

fn seconds(offset_s: f64) -> (&'static str, String) {
    ("seconds", format!("{offset_s:.3}"))
}

/// The reading in the middle, so that one wrong server among three says nothing; of two, the one
/// that is further off.
fn middle(mut readings: Vec<Reading>) -> Option<Reading> {
    readings.sort_by(|one, other| one.offset_s.total_cmp(&other.offset_s));
    let middle = readings.len() / 2;
    let after = *readings.get(middle)?;
    let before = *readings.get(readings.len().div_ceil(2).checked_sub(1)?)?;
    Some(if before.offset_s.abs() > after.offset_s.abs() { before } else { after })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Timeservers {
        let servers = vec!["192.0.2.1:123".parse().unwrap(), "192.0.2.2:123".parse().unwrap()];
        Timeservers { servers, ..Timeservers::default() }
    }

    fn readings(offsets_s: &[f64]) -> Vec<Reading> {
        offsets_s.iter().map(|offset_s| Reading { offset_s: *offset_s, delay_s: 0.2 }).collect()
    }

    fn round(judge: &mut Judge, seconds: u64, offsets_s: &[f64]) -> Vec<(Event, String)> {
        let now = Duration::from_secs(seconds);
        let told = judge.handle(now, &settings(), readings(offsets_s), "nobody there");
        told.into_iter()
            .map(|(event, facts)| {
                let facts: Vec<String> = facts.into_iter().map(|(_, value)| value).collect();
                (event, facts.join("|"))
            })
            .collect()
    }

    #[test]
    fn a_clock_that_is_off_is_told_once_and_once_more_when_it_is_right() {
        let mut judge = Judge::default();
        assert_eq!(round(&mut judge, 0, &[0.2]), []);
        // Beyond the limit, but not certainly so.
        assert_eq!(round(&mut judge, 64, &[-1.05]), []);
        let servers = "192.0.2.1:123 192.0.2.2:123";
        let off = vec![(Event::ClockOff, format!("1.150|{servers}"))];
        assert_eq!(round(&mut judge, 128, &[-1.15]), off);
        assert_eq!(round(&mut judge, 192, &[-1.2]), []);
        let right = vec![(Event::ClockRight, format!("0.001|{servers}"))];
        assert_eq!(round(&mut judge, 256, &[0.001]), right);
        let (event, facts) = judge.record().unwrap();
        assert_eq!(event, Event::ClockMeasured);
        assert_eq!(facts, [("count", "5".to_owned()), ("seconds", "1.200".to_owned())]);
        assert!(judge.record().is_none());
    }

    #[test]
    fn one_wrong_server_of_three_says_nothing_and_one_of_two_is_told() {
        let told = |offsets_s: &[f64]| !round(&mut Judge::default(), 0, offsets_s).is_empty();
        assert!(!told(&[900.0, 0.0, 0.01]));
        assert!(!told(&[-900.0, 0.0, 0.01]));
        assert!(told(&[900.0, 0.0]));
        assert!(told(&[0.0, -900.0]));
        assert!(told(&[900.0, 0.0, 899.9]));
        assert!(!told(&[0.0, 0.1, -0.1, 0.2]));
    }

    #[test]
    fn silence_is_told_after_five_minutes_and_a_day_s_measurements_are_put_on_record() {
        let mut judge = Judge::default();
        assert_eq!(round(&mut judge, 0, &[]), []);
        assert_eq!(round(&mut judge, 299, &[]), []);
        let told = round(&mut judge, 300, &[]);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, Event::ClockUnmeasured);
        assert_eq!(told[0].1, "5|192.0.2.1:123 192.0.2.2:123|nobody there");
        assert_eq!(round(&mut judge, 316, &[]), []);
        assert_eq!(round(&mut judge, 400, &[0.0]), []);
        assert_eq!(round(&mut judge, 401, &[]), []);
        assert_eq!(round(&mut judge, 701, &[])[0].0, Event::ClockUnmeasured);
        let day = round(&mut judge, 400 + 86_400, &[0.5]);
        assert_eq!(day, [(Event::ClockMeasured, "2|0.500".to_owned())]);
    }
}
