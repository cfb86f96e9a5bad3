use super::*;
use crate::vocabulary::hex;

/// Two runs, one of them with the digest of every octet.
fn digest(settings: Settings) -> (String, Measured) {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let measured = measure(settings, |captured| {
        context.update(&captured.time.0.to_be_bytes());
        context.update(captured.octets);
    });
    (hex(context.finish().as_ref()), measured.unwrap())
}

#[test]
fn a_seed_gives_the_same_octets_and_another_seed_others() {
    let settings = Settings { seed: 7, hours: 1, endpoints: 40, repeats: 1 };
    let (octets, measured) = digest(settings);
    let (again, same) = digest(settings);
    assert_eq!((&octets, &measured), (&again, &same));
    assert_ne!(octets, digest(Settings { seed: 8, ..settings }).0);
}

/// The bounds of one short run: who is brought in where the wire shows it is found, nobody else is
/// accused, and every frame can be read.
#[test]
fn what_the_wire_shows_is_found_and_nobody_else_is_accused() {
    let settings = Settings { seed: 7, hours: 2, endpoints: 90, repeats: 1 };
    let measured = measure(settings, |_| {}).unwrap();
    assert!(measured.frames > 50_000, "{}", measured.frames);
    assert_eq!(measured.flawed, 0);
    assert_eq!(measured.wrong, []);
    let variants = measured.variants();
    for variant in ["2a", "2b", "3b", "3c", "4a"] {
        let result = &variants[variant];
        assert!(result.told > 0 && result.found * 10 >= result.told * 6, "{variant} {result:?}");
    }
    let unseen = measured.total(Group::Unseen);
    assert_eq!((unseen.told, unseen.found), (6, 0));
}
