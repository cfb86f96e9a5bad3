//! A mirror port watched live: frames taken, frames the kernel let go, processor time. It is the
//! other end of `benches/sensor`, which sends at a stated rate:
//!
//! ```text
//! cargo bench --bench mirror -- INTERFACE SECONDS
//! ```
//!
//! Capture and detectors are those of `sekisho sensor`; only the reporting is left out. Prints one
//! JSON object.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement stops loudly, reads the clock and prints"
)]

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use sekisho::sensor::{Knowledge, Sensor, Vantage};
use sekisho::shell::mirror::Mirror;
use serde_json::json;

fn main() {
    // `cargo bench` adds an option of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let (Some(interface), Some(seconds)) = (arguments.next(), arguments.next()) else {
        println!("cargo bench --bench mirror -- INTERFACE SECONDS (see benches/sensor --live)");
        return;
    };
    let until = Instant::now() + Duration::from_secs(seconds.parse().unwrap());
    let mut mirror = Mirror::open(&interface).unwrap();
    let mut sensor = Sensor::new(Knowledge::none(Vantage::Edge));
    let (mut frames, mut told, mut dropped) = (0_u64, 0_u64, 0);
    while Instant::now() < until {
        for _ in 0..64 {
            let Some(frame) = mirror.next().unwrap() else { break };
            sensor.handle(&frame);
            frames += 1;
            while sensor.poll_event().is_some() {
                told += 1;
            }
        }
        // The kernel's counter begins anew whenever it is read.
        if frames % 4_096 == 0 {
            dropped = mirror.dropped();
        }
    }
    dropped = dropped.max(mirror.dropped());
    let processor: Duration = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap().into();
    let told = json!({
        "frames": frames,
        "dropped_by_the_kernel": dropped,
        "events": told,
        "processor_s": processor.as_secs_f64(),
    });
    println!("{told}");
}
