//! `sekisho serve`: the service itself.

use clap::{ArgMatches, Command};

use super::arguments::Words;
use super::site;
use super::{Console, DONE, WRONG};
use crate::shell::files;
use crate::shell::service::Service;
use crate::vocabulary::Language;

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let about = words.say(
        "スイッチからの認証要求に応答する(SIGHUP で再読込、SIGTERM で停止)",
        "answer the switches (SIGHUP reloads, SIGTERM stops)",
    );
    let command = Command::new("serve").about(about);
    let command = site::with_secrets(site::with_files(command, words), words);
    site::with_state(command, words)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let state = site::path(matches, "state");
    if let Err(error) = files::make_directory(&state, files::PRIVATE_DIRECTORY) {
        console.complain(error.text(console.language));
        return WRONG;
    }
    let material = Box::new(site::directories(matches));
    let service = match Service::start(material, Some(&state), std::io::stdout()) {
        Ok(service) => service,
        Err(refused) => {
            site::print_refusal(console, &refused);
            return WRONG;
        }
    };
    match service.obey_signals().and_then(|()| service.run()) {
        Ok(()) => DONE,
        Err(failure) => {
            console.complain(failure.message(console.language));
            WRONG
        }
    }
}
