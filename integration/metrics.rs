//! What the demonstration serves to Prometheus, beside what the documentation says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::city::{printed, root, run, sekisho};

/// `sekisho demo`.
pub struct Demonstration {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    /// Where it serves its metrics.
    pub address: String,
}

impl Demonstration {
    /// Has begun to let devices ask.
    pub fn begin() -> Self {
        let mut command = sekisho(&["demo", "--lang", "en"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = next(&mut output, "RADIUS server ");
        let (_, address) = line.split_once("http://").unwrap();
        let address = address.strip_suffix("/metrics").unwrap();
        Self { address: address.to_owned(), output, child }
    }

    /// Waits until every device has been answered.
    pub fn finish(&mut self) {
        next(&mut self.output, "metrics stay at ");
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(run(Command::new("kill").args([&format!("-{name}"), &id])).status.success());
    }

    /// What it serves now.
    pub fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

/// The next line that begins so.
fn next(lines: &mut Lines<BufReader<ChildStdout>>, beginning: &str) -> String {
    let mut lines = lines.map(Result::unwrap);
    lines.find(|line| line.starts_with(beginning)).unwrap_or_else(|| panic!("no {beginning}"))
}

impl Drop for Demonstration {
    fn drop(&mut self) {
        // OK when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs promtool with a file or text it must be content with.
pub fn promtool(arguments: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(root());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn();
    let mut child = child.unwrap_or_else(|error| panic!("promtool must be installed: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
}

/// Name to type and labels, as the table of the documentation has it.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let table = fs::read_to_string(root().join("config/prometheus/METRICS.md")).unwrap();
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.trim_matches('`').to_owned();
        name.starts_with("sekisho_").then(|| (name, (cells[2].to_owned(), words(cells[3]))))
    };
    table.lines().filter_map(row).collect()
}

#[test]
fn the_table_of_the_documentation_is_the_programs_own() {
    let output = run(&mut sekisho(&["metrics"]));
    let table = fs::read_to_string(root().join("config/prometheus/METRICS.md")).unwrap();
    let own = String::from_utf8(output.stdout).unwrap();
    assert!(own == table, "run `cargo run -- metrics > config/prometheus/METRICS.md`");
}

/// Has promtool content with a page, and every line of it as the table says; gives its families.
pub fn as_documented(text: &str) -> BTreeMap<String, String> {
    promtool(&["check", "metrics"], text);

    let documented = documented();
    let mut served = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            served.insert(name.to_owned(), kind.to_owned());
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        // A value of a label holds neither blank nor brace.
        let series = line.split(' ').next().unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let family = family.filter(|it| documented.contains_key(*it)).unwrap_or(name);
        let (_, known) = documented.get(family).unwrap_or_else(|| panic!("no row for {line}"));
        let labels = labels.trim_end_matches('}').split(',').filter_map(|it| it.split_once('='));
        let labels: BTreeSet<String> =
            labels.map(|(label, _)| label.to_owned()).filter(|label| label != "le").collect();
        assert_eq!(&labels, known, "{line}");
    }
    served
}

#[test]
fn what_is_served_is_what_the_table_says_and_promtool_is_content() {
    let mut demonstration = Demonstration::begin();
    demonstration.finish();
    let begun = std::time::Instant::now();
    let text = demonstration.metrics();
    let (took, octets) = (begun.elapsed(), text.len());
    println!("3,118 devices, 124 switches: {octets} octets in {took:?}");
    assert!(octets < 1_000_000 && took.as_millis() < 1_000, "{octets} octets in {took:?}");
    let served = as_documented(&text);
    let documented = documented();
    for (name, (kind, labels)) in &documented {
        match served.get(name) {
            Some(own) => assert_eq!(own, kind, "{name}"),
            // A family with labels is there from its first event on.
            None => assert!(
                !labels.is_empty() || name.starts_with("sekisho_authenticator_"),
                "{name} is not served"
            ),
        }
    }
}
