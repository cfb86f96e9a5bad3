//! A port goes down and comes up again, or is left as it was.

use std::time::Duration;

use super::super::{Bounce, BounceFault, Context, DOWN, Fault, Question, UP_TRIES_MAX};
use super::{at, number, pair, run, set};
use crate::simulation::SnmpAgent;
use crate::wire::snmp::{ErrorStatus, Oid, Value};

const STATUS: &str = "1.3.6.1.2.1.2.2.1.7";

fn status(switch: &mut SnmpAgent) -> Value {
    switch.tree()[&STATUS.parse::<Oid>().unwrap().child(&[101])].clone()
}

#[test]
fn a_port_goes_down_for_a_while_and_is_seen_to_be_up_again() {
    let (mut switch, mut agent) = pair();
    set(&mut switch, b"", STATUS, &[101], number(1));
    let mut bounce = Bounce::new(101);
    let mut now = Duration::ZERO;
    let mut seen = Vec::new();
    while bounce.ended().is_none() {
        match bounce.question() {
            Some(question) => {
                let answer =
                    run(&mut switch, &mut agent, at(now.as_secs()), Context::Default, question);
                bounce.answered(now, &answer);
            }
            None => {
                now = bounce.poll_timeout().unwrap();
                bounce.handle_timeout(now);
            }
        }
        if seen.last() != Some(&status(&mut switch)) {
            seen.push(status(&mut switch));
        }
    }
    assert_eq!(seen, [number(1), number(2), number(1)]);
    assert_eq!((bounce.ended(), now), (Some(Ok(())), DOWN));
}

#[test]
fn a_port_that_somebody_shut_down_and_one_that_is_refused_are_left_alone() {
    let (mut switch, mut agent) = pair();
    set(&mut switch, b"", STATUS, &[101], number(2));
    let mut bounce = Bounce::new(101);
    let answer = run(&mut switch, &mut agent, at(0), Context::Default, bounce.question().unwrap());
    bounce.answered(Duration::ZERO, &answer);
    assert_eq!(bounce.ended(), Some(Err(BounceFault::NotUp)));

    set(&mut switch, b"", STATUS, &[101], number(1));
    let mut bounce = Bounce::new(101);
    let answer = run(&mut switch, &mut agent, at(0), Context::Default, bounce.question().unwrap());
    bounce.answered(Duration::ZERO, &answer);
    assert!(matches!(bounce.question(), Some(Question::Set(_))));
    let refused = Fault::Refused(ErrorStatus::NoAccess);
    bounce.answered(Duration::ZERO, &Err(refused));
    assert_eq!(bounce.ended(), Some(Err(BounceFault::Untouched(refused))));
}

#[test]
fn whatever_fails_afterwards_it_is_tried_again_to_bring_it_up() {
    let (mut switch, mut agent) = pair();
    set(&mut switch, b"", STATUS, &[101], number(1));
    let mut bounce = Bounce::new(101);
    let answer = run(&mut switch, &mut agent, at(0), Context::Default, bounce.question().unwrap());
    bounce.answered(Duration::ZERO, &answer);
    // Nobody knows whether it went down.
    bounce.answered(Duration::ZERO, &Err(Fault::Silent));
    let (mut now, mut tries) = (Duration::ZERO, 0);
    while bounce.ended().is_none() {
        now = bounce.poll_timeout().unwrap();
        bounce.handle_timeout(now);
        let Some(Question::Set(bindings)) = bounce.question() else { panic!("it is brought up") };
        assert_eq!(bindings[0].value, number(1));
        tries += 1;
        bounce.answered(now, &Err(Fault::Silent));
    }
    assert_eq!((tries, bounce.ended()), (UP_TRIES_MAX, Some(Err(BounceFault::LeftDown))));
    assert!(now > DOWN);
}
