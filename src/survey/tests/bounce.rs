//! A port goes down and comes up again, or is left as it was.

use std::time::Duration;

use super::super::{Answer, Bounce, BounceFault, Context, DOWN, Fault, Question, UP_TRIES_MAX};
use super::{at, number, pair, run, set};
use crate::simulation::SnmpAgent;
use crate::wire::snmp::report::Complaint;
use crate::wire::snmp::{Binding, ErrorStatus, Oid, Value};

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
    // Nobody knows whether it went down, and who complains without proof knows least.
    assert!(bounce.has_begun());
    bounce.answered(Duration::ZERO, &Err(Fault::Complaint(Complaint::WrongDigest)));
    let (mut now, mut tries) = (Duration::ZERO, 0);
    while bounce.ended().is_none() {
        match bounce.question() {
            Some(Question::Set(bindings)) => {
                assert_eq!(bindings[0].value, number(1));
                tries += 1;
                bounce.answered(now, &Err(Fault::Silent));
            }
            Some(Question::Get(_)) => bounce.answered(now, &Err(Fault::Silent)),
            Some(Question::Walk(_)) => panic!("one port alone is asked for"),
            None => {
                now = bounce.poll_timeout().unwrap();
                bounce.handle_timeout(now);
            }
        }
    }
    assert_eq!((tries, bounce.ended()), (UP_TRIES_MAX, Some(Err(BounceFault::LeftDown))));
    assert!(now > DOWN && bounce.has_begun());
}

fn shown(status: i64) -> Result<Answer, Fault> {
    let name: Oid = STATUS.parse().unwrap();
    Ok(Answer::Bindings(vec![Binding { name: name.child(&[101]), value: number(status) }]))
}

fn sets(bounce: &Bounce, status: i64) -> bool {
    matches!(bounce.question(), Some(Question::Set(set)) if set[0].value == number(status))
}

#[test]
fn a_switch_that_shows_late_what_was_set_is_not_taken_for_down() {
    let mut bounce = Bounce::new(101);
    let mut now = Duration::ZERO;
    bounce.answered(now, &shown(1));
    assert!(sets(&bounce, 2));
    bounce.answered(now, &shown(2));
    // It may still show that it is up: before it was told to come up, that says nothing.
    now = bounce.poll_timeout().unwrap();
    bounce.handle_timeout(now);
    assert!(sets(&bounce, 1));
    bounce.answered(now, &shown(1));
    // And now, late, what was set before; it is looked at again and not set again.
    bounce.answered(now, &shown(2));
    now = bounce.poll_timeout().unwrap();
    bounce.handle_timeout(now);
    assert!(matches!(bounce.question(), Some(Question::Get(_))));
    bounce.answered(now, &shown(1));
    assert_eq!(bounce.ended(), Some(Ok(())));
    assert!(!bounce.has_begun());

    // Late also after the last try.
    let mut bounce = Bounce::new(101);
    bounce.answered(now, &shown(1));
    bounce.answered(now, &shown(2));
    let mut tries = 0;
    while tries < UP_TRIES_MAX || !matches!(bounce.question(), Some(Question::Get(_))) {
        tries += u32::from(sets(&bounce, 1));
        match bounce.question() {
            Some(_) => bounce.answered(now, &Err(Fault::Silent)),
            None => {
                now = bounce.poll_timeout().unwrap();
                bounce.handle_timeout(now);
            }
        }
    }
    bounce.answered(now, &shown(1));
    assert_eq!(bounce.ended(), Some(Ok(())));
}

#[test]
fn a_port_that_was_left_down_is_brought_up_and_one_that_is_up_is_left_alone() {
    let mut bounce = Bounce::left_down(101);
    bounce.answered(Duration::ZERO, &shown(1));
    assert_eq!(bounce.ended(), Some(Ok(())));
    let mut bounce = Bounce::left_down(101);
    assert!(bounce.has_begun());
    bounce.answered(Duration::ZERO, &shown(2));
    assert!(sets(&bounce, 1));
}

#[test]
fn who_must_stop_brings_the_port_up_at_once() {
    let begun = |answers: usize| {
        let mut bounce = Bounce::new(101);
        for status in [1, 2].into_iter().take(answers) {
            bounce.answered(Duration::ZERO, &shown(status));
        }
        bounce
    };
    let mut untouched = begun(0);
    untouched.hurry();
    assert!(!untouched.has_begun() && matches!(untouched.question(), Some(Question::Get(_))));
    for answers in [1, 2] {
        let mut bounce = begun(answers);
        bounce.hurry();
        assert!(sets(&bounce, 1), "after {answers}");
        bounce.answered(Duration::ZERO, &shown(1));
        // Nor is there much waiting between the tries.
        bounce.answered(Duration::ZERO, &shown(2));
        assert!(bounce.poll_timeout().unwrap() < Duration::from_secs(1));
    }
}
