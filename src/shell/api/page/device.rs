//! Finding a device, port or site by whatever is known of it, and a device's story.

use maud::{Markup, html};

use super::frame::{chip, page};
use super::{Refusal, Visit, line_table, records};
use crate::ledger::{Attachment, Point};
use crate::plan::{ApiRole, Device};
use crate::record::{Field, Line, Pattern, Query, Session, Span, Store as _, folded, is_decision};
use crate::vocabulary::{
    DeviceIndex, Language, Mac, MacSpelling, Mark, MarkKind, MarkSubject, Timestamp,
};

/// Devices, sites or switches shown of one search.
const FOUND_MAX: usize = 50;
/// Records and sessions shown of a story.
const STORY_MAX: usize = 100;

/// What a search found.
pub(super) enum Found {
    /// Just this device.
    One(String),
    /// Several things, or none.
    Several(String, Markup),
}

/// Everything that fits what was asked.
pub(super) fn find(visit: &Visit<'_>) -> Found {
    let say = |ja, en| visit.say(ja, en);
    let (seen, plan) = (&visit.seen, &visit.seen.snapshot.plan);
    let asked = visit.asked("q").trim();
    let wanted = Wanted::new(asked);
    let fitting = (0_u32..).zip(&plan.devices).filter(|(_, device)| wanted.fits(device));
    let mut devices: Vec<(DeviceIndex, &Device)> =
        fitting.map(|(index, device)| (DeviceIndex(index), device)).collect();
    // Who is named exactly is meant.
    if let Some(index) = plan.device_by_asset(asked).or_else(|| plan.device_by_mac(wanted.mac?)) {
        devices.retain(|(each, _)| *each == index);
    }
    let strangers: Vec<&Attachment> = seen
        .attached
        .iter()
        .map(AsRef::as_ref)
        .filter(|it| plan.device_by_mac(it.key.mac).is_none() && wanted.fits_mac(it.key.mac))
        .collect();
    let places: Vec<&Attachment> = seen
        .attached
        .iter()
        .map(AsRef::as_ref)
        .filter(|it| wanted.is(&it.key.to_string()))
        .collect();
    let sites: Vec<_> = plan
        .sites
        .iter()
        .filter(|site| wanted.within(&[&site.id, &site.name.ja, &site.name.en]))
        .collect();
    let switches: Vec<_> = plan
        .switches
        .iter()
        .filter(|switch| wanted.within(&[&switch.id]))
        .take(FOUND_MAX)
        .collect();
    let others = sites.len() + switches.len() + strangers.len();
    match (devices.as_slice(), places.as_slice(), others, wanted.mac) {
        ([(_, device)], [], 0, _) => return Found::One(href(&device.asset)),
        ([], [only], 0, _) => return Found::One(format!("/device?mac={}", only.key.mac)),
        ([], [], _, Some(mac)) => return Found::One(format!("/device?mac={mac}")),
        _ => {}
    }
    let count = devices.len() + places.len() + others;
    let main = html! {
        h1 { (say("検索", "search")) " 「" (asked) "」" }
        p role="status" { (count) " " (say("件", "found")) @if devices.len() > FOUND_MAX { "、" (say("端末は先頭だけを表示", "first devices only")) " (" (FOUND_MAX) ")" } }
        @if !devices.is_empty() {
            div.scroll { table {
                caption { (say("端末", "devices")) }
                thead { tr {
                    th scope="col" { (say("資産番号", "asset")) } th scope="col" { (say("名前", "name")) }
                    th scope="col" { (say("所属", "section")) } th scope="col" { (say("環境", "environment")) }
                    th scope="col" { "MAC" } th scope="col" { (say("いまの場所", "now at")) }
                } }
                tbody { @for (_, device) in devices.iter().take(FOUND_MAX) { tr {
                    th scope="row" { a href=(href(&device.asset)) { (device.asset) } }
                    td { (device.computer) } td { (device.section) }
                    td { (chip(visit, plan.environment_id(device.environment))) }
                    td.mono { (macs(device)) }
                    td { (attached(visit, device).map(|it| it.key.to_string()).next().unwrap_or_else(|| "–".to_owned())) }
                } } }
            } }
        }
        @for (title, list) in [(say("この場所の接続", "attached here"), &places), (say("登録のない接続", "attached, not registered"), &strangers)] {
            @if !list.is_empty() {
                h2 { (title) }
                ul { @for it in list.iter().take(FOUND_MAX) { li {
                    a.mono href={ "/device?mac=" (it.key.mac) } { (it.key.mac) } " " (it.key) " " (chip(visit, &it.environment))
                } } }
            }
        }
        @if !sites.is_empty() || !switches.is_empty() {
            h2 { (say("拠点とスイッチ", "sites and switches")) }
            ul {
                @for site in sites.iter().take(FOUND_MAX) { li { a href={ "/site?id=" (site.id) } { (site.name.get(visit.language)) } " " (site.id) } }
                @for switch in &switches { @if let Some(site) = plan.site(switch.site) {
                    li { a href={ "/site?id=" (site.id) } { (switch.id) } " " (site.name.get(visit.language)) }
                } }
            }
        }
        @if count == 0 { p { (say("見つかりません。名前の一部、MAC アドレス(全角でも)、資産番号、所属、いま接続のあるスイッチ:ポートで探せます。", "nothing found; try part of a name, a MAC address in any spelling, an asset number, a section, or switch:port where a session is now")) } }
    };
    Found::Several(say("検索", "search").to_owned(), main)
}

/// What was asked, in the forms in which it is compared.
struct Wanted {
    text: String,
    folded: String,
    /// Its hexadecimal digits, when it is nothing else.
    digits: Option<String>,
    mac: Option<Mac>,
}

impl Wanted {
    fn new(asked: &str) -> Self {
        let folded = folded(asked);
        let digits: String =
            folded.chars().filter(|it| !matches!(it, '-' | ':' | '.' | ' ')).collect();
        let hexadecimal = digits.len() >= 4 && digits.chars().all(|it| it.is_ascii_hexdigit());
        let mac = Mac::parse(&folded).ok();
        let digits = hexadecimal.then(|| digits.to_ascii_lowercase());
        Self { text: asked.to_lowercase(), folded: folded.to_lowercase(), digits, mac }
    }

    fn within(&self, texts: &[&str]) -> bool {
        !self.text.is_empty()
            && texts
                .iter()
                .map(|text| text.to_lowercase())
                .any(|text| text.contains(&self.text) || text.contains(&self.folded))
    }

    fn is(&self, text: &str) -> bool {
        text.to_lowercase() == self.folded
    }

    fn fits_mac(&self, mac: Mac) -> bool {
        let bare = MacSpelling::BARE.format(mac);
        self.digits.as_ref().is_some_and(|digits| bare.contains(digits.as_str()))
    }

    fn fits(&self, device: &Device) -> bool {
        let certificate = device.certificate.as_deref().unwrap_or_default();
        let names = [&*device.asset, &device.computer, &device.serial, certificate];
        self.within(&names)
            || self.within(&[&*device.section, &device.model, &device.note])
            || device.macs.iter().any(|mac| self.fits_mac(*mac))
    }
}

fn href(asset: &str) -> String {
    let asset: String = form_urlencoded::byte_serialize(asset.as_bytes()).collect();
    format!("/device?asset={asset}")
}

fn macs(device: &Device) -> String {
    device.macs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn attached<'a>(visit: &'a Visit<'_>, device: &'a Device) -> impl Iterator<Item = &'a Attachment> {
    visit.seen.attached.iter().map(AsRef::as_ref).filter(|it| device.macs.contains(&it.key.mac))
}

/// Whom a story is about.
struct Subject<'a> {
    device: Option<&'a Device>,
    macs: Vec<Mac>,
    /// As commands name it.
    name: String,
    /// As this page names it.
    path: String,
}

/// A device's story, with what became of a command about it; `None` where nothing is known by
/// that name.
pub(super) async fn story(visit: &Visit<'_>, refusal: Option<&Refusal>) -> Option<String> {
    let plan = &visit.seen.snapshot.plan;
    let (asset, mac) = (visit.asked("asset"), Mac::parse(&folded(visit.asked("mac"))).ok());
    let index = plan.device_by_asset(asset).or_else(|| plan.device_by_mac(mac?));
    let device = index.and_then(|index| plan.device(index));
    let subject = match (device, mac) {
        (Some(device), _) => Subject {
            device: Some(device),
            macs: device.macs.to_vec(),
            name: device.asset.clone(),
            path: href(&device.asset),
        },
        (None, Some(mac)) => Subject {
            device: None,
            macs: vec![mac],
            name: mac.to_string(),
            path: format!("/device?mac={mac}"),
        },
        (None, None) => return None,
    };
    let (lines, sessions) = told(visit, &subject).await;
    let title = subject
        .device
        .filter(|it| !it.computer.is_empty())
        .map_or(&subject.name, |it| &it.computer);
    let main = written(visit, &subject, title, &lines, &sessions, refusal);
    Some(page(visit, title, &main))
}

/// The newest records and sessions of the subject; empty where the evidence cannot be read.
async fn told(visit: &Visit<'_>, subject: &Subject<'_>) -> (Option<Vec<Line>>, Vec<Session>) {
    let asset = subject.device.map(|device| (Field::Asset, device.asset.clone()));
    let macs = subject.macs.iter().map(|mac| (Field::Mac, mac.to_string()));
    let asked: Vec<(Field, Pattern)> = macs
        .chain(asset)
        .filter_map(|(field, text)| Some((field, Pattern::new(field, &text).ok()?)))
        .collect();
    let read = visit.read(move |store| {
        let (mut found, mut sessions) = (Vec::new(), Vec::new());
        for (field, pattern) in asked {
            let query = Query { span: Span::ALL, fields: vec![(field, pattern)], limit: STORY_MAX };
            found.extend(store.search(&query)?);
            if field == Field::Mac {
                sessions.extend(store.sessions(&query)?);
            }
        }
        Ok((records(found, STORY_MAX), sessions))
    });
    match read.await {
        Some((lines, mut sessions)) => {
            sessions.sort_by_key(|session| std::cmp::Reverse(session.start));
            sessions.truncate(STORY_MAX);
            (Some(lines), sessions)
        }
        None => (None, Vec::new()),
    }
}

fn written(
    visit: &Visit<'_>,
    subject: &Subject<'_>,
    title: &str,
    lines: &Option<Vec<Line>>,
    sessions: &[Session],
    refusal: Option<&Refusal>,
) -> Markup {
    let say = |ja, en| visit.say(ja, en);
    let plan = &visit.seen.snapshot.plan;
    let now: Vec<&Attachment> = visit
        .seen
        .attached
        .iter()
        .map(AsRef::as_ref)
        .filter(|it| subject.macs.contains(&it.key.mac))
        .collect();
    let marks = visit.seen.snapshot.marks.against(&subjects(subject, &now), visit.now);
    let decided = lines.iter().flatten().find(|line| is_decision(line));
    html! {
        p.crumbs { a href="/" { (say("市の地図", "City")) } " › " (say("端末", "device")) }
        h1 { (title) " " @match subject.device {
            Some(device) => { small { (device.asset) } " " (chip(visit, plan.environment_id(device.environment))) }
            None => { small { (say("台帳にない端末", "not registered")) } }
        } }
        @if let Some(refusal) = refusal { p.notice.bad role="alert" { (refusal.message) } }
        @else if let Some(done) = done(visit) { p.notice.good role="status" { (done) } }
        div.columns {
            section.now data-live="now" {
                h2 { (say("いま", "now")) }
                @if now.is_empty() { p { (say("どこにも接続していません。", "attached nowhere")) } }
                @for it in &now { (where_it_is(visit, it)) }
                @for mark in &marks {
                    p.notice.warn { b { (kind(visit, mark)) } " " (mark.reason) br; small { (mark.by) " · " (mark.since.local())
                        @if let Some(until) = mark.until { " → " (until.local()) } } }
                }
                @if let Some(line) = decided {
                    h3 { (say("最後の判定", "last decision")) }
                    p { (super::text_of(line, "text")) br; small { (super::when(line)) " · " (super::text_of(line, "reason")) " " (super::text_of(line, "rule")) } }
                }
            }
            @if let Some(device) = subject.device { section { h2 { (say("台帳", "inventory")) } (facts(visit, device)) } }
            (act(visit, subject, !marks.is_empty(), !now.is_empty()))
        }
        (sessions_table(visit, sessions))
        section data-live="story" { h2 { (say("経過", "what happened")) }
            @match lines {
                Some(lines) => (line_table(visit, lines)),
                None => p.notice.bad { (say("証跡を読めません。", "the evidence cannot be read")) },
            }
        }
    }
}

/// Everything that a mark on this subject could be on.
fn subjects(subject: &Subject<'_>, now: &[&Attachment]) -> Vec<MarkSubject> {
    let macs = subject.macs.iter().map(|mac| MarkSubject::Mac(*mac));
    let asset = subject.device.map(|device| MarkSubject::Asset(device.asset.clone()));
    let ports = now.iter().filter_map(|it| match &it.key.point {
        Point::Port(port) => Some(MarkSubject::Port(it.key.switch.to_string(), port.to_string())),
        Point::Network(_) => None,
    });
    macs.chain(asset).chain(ports).collect()
}

fn kind(visit: &Visit<'_>, mark: &Mark) -> &'static str {
    match mark.kind {
        MarkKind::Quarantine => visit.say("隔離", "quarantine"),
        MarkKind::Refuse => visit.say("拒否", "refuse"),
    }
}

fn done(visit: &Visit<'_>) -> Option<&'static str> {
    match visit.asked("done") {
        "quarantine" => Some(visit.say(
            "隔離しました。ポートは数秒で移ります。",
            "quarantined; the port follows within seconds",
        )),
        "release" => Some(visit.say("解除しました。", "released")),
        "disconnect" => Some(visit.say("接続を切りました。", "disconnected")),
        _ => None,
    }
}

fn where_it_is(visit: &Visit<'_>, it: &Attachment) -> Markup {
    let plan = &visit.seen.snapshot.plan;
    let site =
        plan.switch_by_id(&it.key.switch).and_then(|index| plan.site(plan.switch(index)?.site));
    html! {
        p.place { (chip(visit, &it.environment)) " VLAN " b { (it.vlan) } " " b { (it.key) } br;
            @if let Some(site) = site { a href={ "/site?id=" (site.id) } { (site.name.get(visit.language)) } " · " }
            @match visit.language {
                Language::Japanese => { (it.since.local()) " から" }
                Language::English => { "since " (it.since.local()) }
            }
            " · " (visit.say("世代", "generation")) " " (it.generation)
            " · " (if it.chain.is_empty() { "MAC" } else { visit.say("証明書", "certificate") })
        }
    }
}

fn facts(visit: &Visit<'_>, device: &Device) -> Markup {
    let plan = &visit.seen.snapshot.plan;
    let class = plan.class(device.class).map_or("", |class| class.name.get(visit.language));
    let place = device.place.as_ref().map(|place| plan.area_name(place)).unwrap_or_default();
    let rows = [
        (visit.say("資産番号", "asset"), device.asset.clone()),
        (visit.say("名前", "name"), device.computer.clone()),
        (visit.say("所属", "section"), device.section.to_string()),
        (visit.say("区分", "class"), class.to_owned()),
        (visit.say("登録場所", "registered at"), place),
        ("MAC", macs(device)),
        (visit.say("証明書", "certificate"), device.certificate.clone().unwrap_or_default()),
        (visit.say("機種", "model"), device.model.to_string()),
        (visit.say("備考", "remark"), device.note.clone()),
        (visit.say("記載", "written at"), device.at.to_string()),
    ];
    html! { dl.facts { @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) { dt { (name) } dd { (value) } } } }
}

/// What may be done about it, by whom may.
fn act(visit: &Visit<'_>, subject: &Subject<'_>, marked: bool, attached: bool) -> Markup {
    let say = |ja, en| visit.say(ja, en);
    let Some(session) = visit.session.as_ref().filter(|it| it.role().permits(ApiRole::Operate))
    else {
        return html! { section { h2 { (say("操作", "actions")) } p.quiet { (say("この役割では見るだけです。", "this role may only look")) } } };
    };
    html! {
        section { h2 { (say("操作", "actions")) }
            form.act method="post" action="/act" {
                input type="hidden" name="form" value=(session.form);
                input type="hidden" name="subject" value=(subject.name);
                input type="hidden" name="back" value=(subject.path);
                label for="reason" { (say("理由(記録に残ります)", "reason, for the record")) }
                textarea #reason name="reason" required rows="2" maxlength="300" {}
                div.buttons {
                    @if !marked { button.danger name="action" value="quarantine" { (say("隔離する", "quarantine")) } }
                    @if marked { button.primary name="action" value="release" { (say("解除する", "release")) } }
                    @if attached { button name="action" value="disconnect" { (say("接続を切る", "disconnect")) } }
                }
            }
        }
    }
}

fn sessions_table(visit: &Visit<'_>, sessions: &[Session]) -> Markup {
    let say = |ja, en| visit.say(ja, en);
    html! {
        @if !sessions.is_empty() {
            section { h2 { (say("接続の記録", "sessions")) }
                div.scroll { table {
                    thead { tr { th scope="col" { (say("開始", "start")) } th scope="col" { (say("終了", "end")) } th scope="col" { (say("場所", "place")) }
                        th scope="col" { (say("環境", "environment")) } th scope="col" { "IP" } th scope="col" { (say("受信/送信 MB", "MB in/out")) } } }
                    tbody { @for it in sessions { tr {
                        td { (it.start.local()) }
                        td { (it.end.as_ref().map_or_else(|| "–".to_owned(), |end| format!("{} ({})", Timestamp::local(end.time), end.cause))) }
                        td { (it.place) } td { (chip(visit, it.environment.as_deref().unwrap_or_default())) }
                        td.mono { (it.address.map(|it| it.to_string()).unwrap_or_default()) }
                        td { (it.input_octets / 1_000_000) " / " (it.output_octets / 1_000_000) }
                    } } }
                } }
            }
        }
    }
}
