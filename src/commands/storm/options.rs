//! The options of `sekisho storm`.

use std::net::SocketAddr;

use clap::{Arg, Command, value_parser};

use super::super::arguments::Words;
use super::super::site::with_json;
use super::prepare;
use crate::vocabulary::Language;

pub(in super::super) fn define(language: Language) -> Command {
    let words = Words(language);
    let command = words.verb(
        "storm",
        "RADIUS サーバーに負荷をかけ、応答をすべて確かめて測る",
        "load a RADIUS server, check every answer, and measure",
    );
    let command = command
        .subcommand_negates_reqs(true)
        .args_conflicts_with_subcommands(true)
        .subcommand(prepare::define(words));
    with_json(command.args(server(words)).args(devices(words)).args(load(words)), words)
}

fn bounded(arg: Arg, max: u32) -> Arg {
    arg.value_parser(value_parser!(u32).range(1..=i64::from(max)))
}

/// Who is asked, and what is known of it.
fn server(words: Words) -> [Arg; 7] {
    let server = words.text(
        "server",
        "ADDR:PORT",
        "RADIUS サーバーのアドレスとポート(IPv4)",
        "address and port of the RADIUS server (IPv4)",
    );
    let pid = words.text(
        "server-pid",
        "PID",
        "サーバーの CPU 時間と最大メモリーも測る(同じ機械のとき)",
        "measure the server's processor time and peak memory too (on this machine)",
    );
    let authority = words.path(
        "authority",
        "FILE",
        "サーバー証明書の認証局[既定: DIR/ca/authority.pem]",
        "authority of the server's certificate [default: DIR/ca/authority.pem]",
    );
    let server_name = words.text(
        "server-name",
        "NAME",
        "サーバー証明書の名前[既定: radius.city.example]",
        "name in the server's certificate [default: radius.city.example]",
    );
    let secret = words.path(
        "secret-file",
        "FILE",
        "clients.csv の代わりに使う、全スイッチ共通の共有鍵",
        "one secret for every switch, instead of clients.csv",
    );
    let remote = words.flag(
        "allow-remote",
        "この機械の外のサーバーにも送る",
        "allow a server that is not on this machine",
    );
    let echo = words.flag(
        "echo",
        "相手はただのエコー: 何も確かめず、返ってきた数だけ数える",
        "the server is a mere echo: nothing is checked, what comes back is counted",
    );
    let server = server.required(true).value_parser(value_parser!(SocketAddr));
    [server, bounded(pid, u32::MAX), authority, server_name, secret, remote, echo]
}

/// Who takes part, and how.
fn devices(words: Words) -> [Arg; 5] {
    let site = words.path(
        "site",
        "DIR",
        "`storm prepare` で作ったディレクトリ[既定: .]",
        "directory that `storm prepare` made [default: .]",
    );
    let devices = words.text(
        "devices",
        "N",
        "名簿の先頭から使う端末の数[既定: 全部]",
        "devices of the roster that take part, from its top [default: all]",
    );
    let mix = words.text(
        "mix",
        "mab=PCT,eap-tls=PCT",
        "認証方法の割合[既定: 名簿の順]",
        "shares of the methods [default: as the roster lists them]",
    );
    let tls = Arg::new("tls")
        .long("tls")
        .value_name("1.2|1.3")
        .value_parser(["1.2", "1.3"])
        .hide_possible_values(true)
        .default_value("1.3")
        .hide_default_value(true)
        .help(words.say("端末の TLS の版[既定: 1.3]", "TLS version of the devices [default: 1.3]"));
    let resume = words.text(
        "resume",
        "PCT",
        "TLS セッションの再開を試みる割合(先に一度ずつ接続しておく)[既定: 0]",
        "share that tries to resume a TLS session, filled beforehand [default: 0]",
    );
    let site = site.default_value(".").hide_default_value(true);
    let resume = resume.value_parser(value_parser!(u8).range(0..=100));
    [site, bounded(devices, 200_000), mix, tls, resume]
}

/// How much, how long, and how patiently.
fn load(words: Words) -> [Arg; 7] {
    let outstanding = words.text(
        "outstanding",
        "N",
        "同時に進める認証の上限(閉ループ)[既定: 32、--power-return では 256]",
        "authentications under way at once, at most (closed loop) [default: 32; 256 with --power-return]",
    );
    let rate = words.text(
        "rate",
        "R",
        "毎秒始める認証の数(開ループ。待ち時間は始めるべき時刻から測る)",
        "authentications begun a second (open loop; waits count from when each was due)",
    );
    let power_return = words.flag(
        "power-return",
        "停電からの復旧: 全端末が一度ずつ接続し、全部済むまでの時間を測る",
        "power returns: every device once, and how long until all are admitted",
    );
    let duration = words.text(
        "duration",
        "S",
        "続ける秒数[既定: 10、--power-return では 60]",
        "how long, in seconds [default: 10; 60 with --power-return]",
    );
    let count =
        words.text("count", "N", "始める認証の数の上限", "authentications to begin at most");
    let timeout = words.text(
        "timeout",
        "MS",
        "再送までのミリ秒[既定: 2000]",
        "milliseconds until a request is sent again [default: 2000]",
    );
    let retries = words.text(
        "retries",
        "N",
        "再送の回数[既定: 3]",
        "how often it is sent again [default: 3]",
    );
    [
        bounded(outstanding, 65_536).conflicts_with("rate"),
        bounded(rate, 1_000_000),
        power_return.conflicts_with_all(["rate", "count"]),
        bounded(duration, 600),
        bounded(count, 100_000_000),
        bounded(timeout, 60_000),
        retries.value_parser(value_parser!(u8).range(0..=10)),
    ]
}
