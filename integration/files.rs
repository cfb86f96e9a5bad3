//! Every shipped file, and deliberately bad ones, through the real binary.
