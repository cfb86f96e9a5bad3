//! Alerts at real receivers: rsyslog, a mail server of another make, a webhook.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::city::{City, free_port, printed, run};
use crate::evidence::ask;

const STRANGER: &str = "User-Name = \"0200.0000.0007\"\nUser-Password = \"0200.0000.0007\"\nCalling-Station-Id = \"02-00-00-00-00-07\"\nNAS-Port = 1\nMessage-Authenticator = 0x00";

/// A foreign program that ends with the test.
pub(crate) struct Program(pub(crate) Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn rsyslog(city: &City, port: u16) -> Program {
    let out = city.path("collected");
    let text = format!(
        "module(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\ntemplate(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\naction(type=\"omfile\" file=\"{}\" template=\"raw\")\n",
        out.display()
    );
    city.write("rsyslog.conf", text.as_bytes(), 0o644);
    rsyslog_of(city)
}

pub(crate) fn rsyslog_of(city: &City) -> Program {
    let mut command = Command::new("rsyslogd");
    command.arg("-n").arg("-f").arg(city.path("rsyslog.conf")).arg("-i").arg(city.path("pid"));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Program(child.expect("rsyslogd must be installed"))
}

fn mail(city: &City, port: u16) -> Program {
    let script = "import sys,time\nfrom aiosmtpd.controller import Controller\nclass H:\n  async def handle_DATA(self, server, session, envelope):\n    open(sys.argv[2],'ab').write(envelope.content); return '250 OK'\nController(H(),hostname='127.0.0.1',port=int(sys.argv[1])).start()\ntime.sleep(300)";
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", script, &port.to_string()]).arg(city.path("mails"));
    Program(command.stderr(Stdio::null()).spawn().expect("python3 must be installed"))
}

fn wait_for(city: &City, file: &str, text: &str) -> String {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let found = fs::read(city.path(file)).unwrap_or_default();
        let found = String::from_utf8_lossy(&found).into_owned();
        if found.contains(text) {
            return found;
        }
        assert!(Instant::now() < until, "no {text} in {file}: {found}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_stranger_is_told_to_every_receiver_and_waits_for_one_that_is_away() {
    let city = City::new();
    let (syslog, smtp) = (free_port(), free_port());
    let hook = TcpListener::bind("127.0.0.1:0").unwrap();
    let web = hook.local_addr().unwrap().port();
    let common = "minimum = \"warning\"\nlanguage = \"ja\"\nenabled = true\n";
    let text = format!(
        "[[sink]]\nid = \"log\"\nkind = \"syslog\"\ntransport = \"tcp\"\naddress = \"127.0.0.1:{syslog}\"\nformat = \"rfc5424\"\n{common}\n[[sink]]\nid = \"mail\"\nkind = \"mail\"\nsecurity = \"none\"\naddress = \"127.0.0.1:{smtp}\"\nfrom = \"a@city.example\"\nto = [\"b@city.example\"]\n{common}\n[[sink]]\nid = \"web\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{web}/hook\"\ntoken = false\n{common}"
    );
    city.write("config/alerts.toml", text.as_bytes(), 0o644);
    let mut server = city.serve();
    let _mail = mail(&city, smtp);
    assert!(ask(server.port, "auth", STRANGER).contains("Access-"));
    let (mut stream, _) = hook.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut posted = Vec::new();
    let mut octets = [0; 8192];
    while !String::from_utf8_lossy(&posted).contains("ALERT-stranger") {
        let count = stream.read(&mut octets).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&posted));
        posted.extend_from_slice(&octets[..count]);
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    drop(stream);
    server.wait_for("away", |line| line["event"] == "SYS-alert-sink-away" && line["sink"] == "log");
    let _syslog = rsyslog(&city, syslog);
    let collected = wait_for(&city, "collected", "ALERT-stranger");
    assert!(collected.contains("mac=\"02-00-00-00-00-07\""), "{collected}");
    assert!(wait_for(&city, "mails", "Subject:").contains("=?UTF-8?B?"));
    let list = printed(&run(&mut city.sekisho(&["alert", "list", "--lang", "ja"])));
    assert!(list.contains("ALERT-stranger") && list.contains("登録されていない端末"), "{list}");
    assert!(list.contains("ALERT-receiver-away") && list.contains("log に送れません"), "{list}");
    // The others hear of the one that was away: 「警報の送り先 log に」 as base64 has it.
    wait_for(&city, "mails", "6K2m5aCx44Gu6YCB44KK5YWIIGxvZyDj");
    let tried = run(&mut city.sekisho(&["alert", "test", "--sink", "log", "--lang", "en"]));
    assert!(printed(&tried).contains("log: delivered"), "{}", printed(&tried));
    wait_for(&city, "collected", "ALERT-test");
    assert!(server.stop().success());
}

#[test]
fn rsyslog_takes_datagrams_and_tls_and_an_authority_that_is_not_ours_gets_nothing() {
    let city = City::new();
    let (udp, tls) = (free_port(), free_port());
    let server = city.authority.issue_server(&["localhost"], crate::city::now(), 30).unwrap();
    city.write("log.pem", server.issued.pem.as_bytes(), 0o644);
    city.write("log.key", server.key.pem().expose(), 0o600);
    city.write("log-ca.pem", city.authority.certificate_pem().as_bytes(), 0o644);
    let path = |name: &str| city.path(name).display().to_string();
    let text = format!(
        "global(defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\")\nmodule(load=\"imudp\")\nmodule(load=\"imtcp\" streamDriver.name=\"ossl\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{udp}\")\ninput(type=\"imtcp\" port=\"{tls}\")\ntemplate(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\naction(type=\"omfile\" file=\"{}\" template=\"raw\")\n",
        path("log-ca.pem"),
        path("log.pem"),
        path("log.key"),
        path("collected")
    );
    city.write("rsyslog.conf", text.as_bytes(), 0o644);
    let _syslog = rsyslog_of(&city);
    let common = "kind = \"syslog\"\nminimum = \"info\"\nlanguage = \"en\"\nenabled = true\n";
    let sinks = format!(
        "[[sink]]\nid = \"udp\"\ntransport = \"udp\"\naddress = \"127.0.0.1:{udp}\"\nformat = \"rfc5424\"\n{common}\n[[sink]]\nid = \"tls\"\ntransport = \"tls\"\naddress = \"localhost:{tls}\"\nformat = \"cef\"\n{common}"
    );
    city.write("config/alerts.toml", sinks.as_bytes(), 0o644);
    city.write("secrets/alert/tls.pem", city.authority.certificate_pem().as_bytes(), 0o644);
    let tried =
        |language: &str| printed(&run(&mut city.sekisho(&["alert", "test", "--lang", language])));
    let until = Instant::now() + Duration::from_secs(30);
    while !tried("en").contains("tls: delivered") {
        assert!(Instant::now() < until, "{}", tried("en"));
        std::thread::sleep(Duration::from_millis(300));
    }
    wait_for(&city, "collected", "sekisho - ALERT-test [sekisho@32473 ");
    wait_for(&city, "collected", "CEF:0|sekisho|sekisho|");
    // Another authority of the same kind proves nothing.
    let (other, _) = sekisho::authority::Authority::create("Other", crate::city::now(), 9).unwrap();
    city.write("secrets/alert/tls.pem", other.certificate_pem().as_bytes(), 0o644);
    let text = tried("ja");
    assert!(text.contains("tls: 送れません") && text.contains("udp: 送りました"), "{text}");
}

/// A mail server of another make that takes letters over STARTTLS and from one account alone.
const GUARDED_MAIL: &str = "
import ssl, sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, SMTP
class Handler:
    async def handle_DATA(self, server, session, envelope):
        open(sys.argv[2], 'ab').write(envelope.content)
        return '250 OK'
def believe(server, session, envelope, mechanism, login):
    right = login.login == b'duty' and login.password == sys.argv[5].encode()
    return AuthResult(success=right, handled=False)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[3], sys.argv[4])
class Guarded(Controller):
    def factory(self):
        return SMTP(self.handler, tls_context=context, require_starttls=True,
                    authenticator=believe, auth_required=True)
Guarded(Handler(), hostname='127.0.0.1', port=int(sys.argv[1])).start()
time.sleep(300)
";

/// A web server of another make over TLS that writes down what it is posted.
const GUARDED_WEB: &str = "
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        right = self.headers['Authorization'] == 'Bearer ' + sys.argv[5]
        if right:
            open(sys.argv[2], 'ab').write(body)
        self.send_response(204 if right else 403)
        self.end_headers()
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[3], sys.argv[4])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
";

fn guarded(city: &City, script: &str, port: u16, out: &str, word: &str) -> Program {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", script, &port.to_string()]).arg(city.path(out));
    command.arg(city.path("receiver.pem")).arg(city.path("receiver.key")).arg(word);
    Program(command.stderr(Stdio::null()).spawn().expect("python3 must be installed"))
}

#[test]
fn letters_by_starttls_and_account_and_posts_by_https_reach_only_whom_we_believe() {
    const WORD: &str = "correct-horse-battery";
    let city = City::new();
    let server = city.authority.issue_server(&["localhost"], crate::city::now(), 30).unwrap();
    city.write("receiver.pem", server.issued.pem.as_bytes(), 0o644);
    city.write("receiver.key", server.key.pem().expose(), 0o600);
    let (smtp, web) = (free_port(), free_port());
    let common = "minimum = \"info\"\nlanguage = \"ja\"\nenabled = true\n";
    let sinks = format!(
        "[[sink]]\nid = \"mail\"\nkind = \"mail\"\nsecurity = \"starttls\"\naddress = \"localhost:{smtp}\"\nuser = \"duty\"\nfrom = \"a@city.example\"\nto = [\"b@city.example\"]\n{common}\n[[sink]]\nid = \"web\"\nkind = \"webhook\"\nurl = \"https://localhost:{web}/hook\"\ntoken = true\n{common}"
    );
    city.write("config/alerts.toml", sinks.as_bytes(), 0o644);
    let authority = city.authority.certificate_pem();
    for name in ["mail", "web"] {
        city.write(&format!("secrets/alert/{name}.pem"), authority.as_bytes(), 0o644);
    }
    city.write("secrets/alert/mail.password", WORD.as_bytes(), 0o600);
    city.write("secrets/alert/web.token", WORD.as_bytes(), 0o600);
    let _mail = guarded(&city, GUARDED_MAIL, smtp, "mails", WORD);
    let _web = guarded(&city, GUARDED_WEB, web, "posts", WORD);
    let tried = || printed(&run(&mut city.sekisho(&["alert", "test", "--lang", "en"])));
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let text = tried();
        if text.contains("mail: delivered") && text.contains("web: delivered") {
            break;
        }
        assert!(Instant::now() < until, "{text}");
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(wait_for(&city, "mails", "Subject:").contains("=?UTF-8?B?"));
    wait_for(&city, "posts", "ALERT-test");
    // The wrong word, then another authority: neither gets anything, and the word is in no text.
    let before = fs::read(city.path("mails")).unwrap().len();
    city.write("secrets/alert/mail.password", b"another-word", 0o600);
    city.write("secrets/alert/web.token", b"another-word", 0o600);
    let text = tried();
    assert!(text.contains("535") && text.contains("403"), "{text}");
    assert!(!text.contains("another-word"), "{text}");
    let (other, _) = sekisho::authority::Authority::create("Other", crate::city::now(), 9).unwrap();
    for name in ["mail", "web"] {
        city.write(&format!("secrets/alert/{name}.pem"), other.certificate_pem().as_bytes(), 0o644);
    }
    let text = tried();
    assert!(!text.contains("delivered") && !text.contains("535"), "{text}");
    assert_eq!(fs::read(city.path("mails")).unwrap().len(), before);
}
