//! The only room that touches the world: clock, files, randomness. It decides nothing.

pub mod clock;
pub mod files;
pub mod random;
