//! Both sides of EAP-TLS against each other, in memory and with time moved by hand.

mod city;
mod conversation;
mod hostile;
mod trust;
