//! Everything that can be wrong with what people wrote: its id, what it says and what to do.

use super::Severity;
use crate::vocabulary::Text;

/// The rule of separation (R01 to R25) that a kind of finding is about, for those whose id does
/// not begin with it.
const RULES: &[(FindingKind, &str)] = &[
    (FindingKind::VlanUnknown, "R01"),
    (FindingKind::PrefixOverlap, "R01"),
    (FindingKind::VlanOverlap, "R01"),
    (FindingKind::VlanOutside, "R01"),
    (FindingKind::FirstWins, "R07"),
    (FindingKind::MultiHost, "R07"),
    (FindingKind::VlanForeign, "R09"),
    (FindingKind::VlanElsewhere, "R09"),
    (FindingKind::FixedVlanEnvironment, "R09"),
    (FindingKind::MacOverAir, "R11"),
    (FindingKind::ServerDeadOpen, "R12"),
    (FindingKind::CriticalVlan, "R12"),
    (FindingKind::VlanOne, "R14"),
    (FindingKind::VlanForbidden, "R14"),
    (FindingKind::AssignableVlanAbsent, "R15"),
    (FindingKind::PortVlanAbsent, "R15"),
    (FindingKind::LinkDiffers, "R15"),
    (FindingKind::MessageAuthenticatorOptional, "R20"),
    (FindingKind::SecretShort, "R20"),
    (FindingKind::SecretWeak, "R20"),
    (FindingKind::SecretShared, "R20"),
    (FindingKind::FlowOutside, "R05"),
    (FindingKind::FlowExpired, "R05"),
    (FindingKind::ExceptionExpired, "R23"),
    (FindingKind::ExceptionNotYet, "R23"),
    (FindingKind::AddressUnmanaged, "R25"),
    (FindingKind::SnmpCommunity, "R25"),
    (FindingKind::SnmpInClear, "R25"),
];

impl FindingKind {
    /// The rule of separation it is about, `R02`.
    #[must_use]
    pub fn rule(self) -> Option<String> {
        let listed = RULES.iter().find(|(kind, _)| *kind == self);
        let (family, _) = self.id().split_once('.')?;
        let own = family.len() == 3 && family.starts_with('r');
        match listed {
            Some((_, rule)) => Some((*rule).to_owned()),
            None => own.then(|| family.to_uppercase()),
        }
    }
}

/// Declares the findings: variant, severity, id, what is wrong (ja, en), what to do (ja, en).
macro_rules! findings {
    ($($name:ident $severity:ident $id:literal [$ja:literal, $en:literal] [$remedy_ja:literal, $remedy_en:literal])*) => {
        /// The kinds of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FindingKind {
            $(#[doc = $en] $name,)*
        }

        impl FindingKind {
            /// Every kind, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable id, `family.word`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// How much it matters.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// What is wrong.
            #[must_use]
            pub const fn text(self) -> Text {
                match self { $(Self::$name => Text { ja: $ja, en: $en },)* }
            }

            /// What to do about it.
            #[must_use]
            pub const fn remedy(self) -> Text {
                match self { $(Self::$name => Text { ja: $remedy_ja, en: $remedy_en },)* }
            }
        }
    };
}

findings! {
    // Secrets.
    SecretOpen Error "secrets.open-to-everyone"
        ["`{path}` をこの機器の誰でも読めます(モード {mode})。", "everyone on this machine may read `{path}` (mode {mode})"]
        ["chmod o-rwx を実行し、漏れたおそれがあれば鍵を替えてください。", "run chmod o-rwx on it, and replace the secret if it may have leaked"]
    // Files and syntax.
    FileAbsent Error "file.absent"
        ["`{path}` がありません。", "`{path}` is missing"]
        ["ファイルを置いてください。`sekisho init` が見本を作ります。", "put the file there; `sekisho init` writes a commented example"]
    FileUnknown Error "file.unknown"
        ["`{path}` という名前のファイルは使われません。", "no file of the name `{path}` is used"]
        ["名前を確認するか、このファイルを取り除いてください。", "check the name, or move the file away"]
    FileUnreadable Error "file.unreadable"
        ["ファイルを読めません: {cause}", "the file cannot be read: {cause}"]
        ["パスと権限を確認してください。", "check the path and its permissions"]
    FileNotText Error "file.not-utf-8"
        ["`{path}` は UTF-8 ではありません(先頭から {octet} バイト目)。", "`{path}` is not UTF-8 (octet {octet})"]
        ["UTF-8 で保存し直してください。", "save it as UTF-8"]
    Syntax Error "file.syntax"
        ["TOML として読めません: {cause}", "this is not valid TOML: {cause}"]
        ["その行の書き方を直してください。", "mend the line"]
    UnknownKey Error "file.unknown-key"
        ["`{key}` という項目はありません。{hint}", "there is no key `{key}` here; {hint}"]
        ["綴りを確認するか、項目を取り除いてください。", "check the spelling, or remove the key"]
    MissingKey Error "file.missing-key"
        ["`{key}` がありません。", "the key `{key}` is missing"]
        ["`{key}` を書いてください。既定値はありません。", "write `{key}`; there is no default"]
    WrongType Error "file.wrong-type"
        ["{expected} でなければなりませんが {found} です。", "expected {expected}, found {found}"]
        ["値を {expected} で書いてください。", "write it as {expected}"]
    NotAChoice Error "file.not-a-choice"
        ["`{value}` は選べません。選べるのは {choices} です。", "`{value}` is not one of {choices}"]
        ["{choices} のどれかを書いてください。", "write one of {choices}"]
    OutOfRange Error "file.out-of-range"
        ["{value} は範囲外です({min} から {max})。", "{value} is outside {min} to {max}"]
        ["{min} から {max} の値を書いてください。", "write a value from {min} to {max}"]
    Empty Error "file.empty-value"
        ["空にはできません。", "this may not be empty"]
        ["値を書いてください。", "write a value"]
    Duplicate Error "file.duplicate"
        ["`{value}` はすでに {other} にあります。", "`{value}` is there already: {other}"]
        ["どちらか一方を取り除くか、別の値にしてください。", "remove one of the two, or give it another value"]
    UnknownReference Error "file.unknown-reference"
        ["{what} `{value}` はどこにも定義されていません。{hint}", "{what} `{value}` is defined nowhere; {hint}"]
        ["名前を確認するか、`{value}` を定義してください。", "check the name, or define `{value}`"]
    BadDate Error "file.bad-date"
        ["`{value}` を日付として読めません({why})。", "`{value}` is not a date ({why})"]
        ["2026-11-23、R8.11.23、令和8年11月23日 のように書いてください。", "write it as 2026-11-23, R8.11.23 or 令和8年11月23日"]
    BadAddress Error "file.bad-address"
        ["`{value}` をアドレスとして読めません: {cause}", "`{value}` is no address: {cause}"]
        ["10.1.0.0/16 や 10.250.1.11 のように書いてください。", "write it as 10.1.0.0/16 or 10.250.1.11"]
    HostBits Error "file.host-bits"
        ["`{value}` はネットワークの先頭のアドレスではありません。", "`{value}` has bits beyond its prefix length"]
        ["`{network}` と書いてください。", "write `{network}`"]

    // Sites and switches.
    SiteDirectory Error "topology.site-directory"
        ["フォルダー `{directory}` の中で拠点名が `{id}` になっています。", "the folder `{directory}` holds a site of the id `{id}`"]
        ["フォルダーの名前と id を同じにしてください。", "give folder and id the same name"]
    VlanUnknown Error "topology.vlan-unknown"
        ["VLAN {vlan} はどの環境にも属していません。", "VLAN {vlan} belongs to no environment"]
        ["番号を確認するか、environments.toml の環境に加えてください。", "check the number, or add it to an environment in environments.toml"]
    VlanForeign Error "topology.vlan-of-another-environment"
        ["VLAN {vlan} は環境 {owner} のもので、環境 {environment} の端末には与えられません。", "VLAN {vlan} belongs to environment {owner} and cannot be given to devices of {environment}"]
        ["環境 {environment} の VLAN を書いてください。", "write a VLAN of environment {environment}"]
    NotAscending Error "topology.vlans-not-ascending"
        ["VLAN {vlan} の位置が昇順でないか、二度書かれています。", "VLAN {vlan} is out of ascending order, or there twice"]
        ["小さい順に、一度ずつ書いてください。", "write them in ascending order, each once"]
    AddressTaken Error "topology.address-taken"
        ["アドレス {address} はスイッチ `{other}` も使っています。", "the address {address} is also that of switch `{other}`"]
        ["RADIUS の要求元を見分けられるよう、別のアドレスにしてください。", "give each its own, so that requests can be told apart"]
    AddressUnmanaged Warning "topology.address-outside-management"
        ["スイッチのアドレス {address} は管理用の環境の範囲にありません。", "the switch's address {address} lies in no management environment"]
        ["スイッチを管理用の環境に移すか、environments.toml の範囲を確認してください。", "move the switch into a management environment, or check the prefixes in environments.toml"]
    NotController Error "topology.not-a-controller"
        ["`{key}` は無線コントローラーにだけ書けます。", "only a wireless controller has `{key}`"]
        ["role を wireless-controller にするか、`{key}` を取り除いてください。", "make the role wireless-controller, or remove `{key}`"]
    ProfileWireless Error "topology.profile-is-wireless"
        ["スイッチ `{switch}` には認証ポートがありますが、プロファイル `{profile}` は無線用です。", "switch `{switch}` has authenticated ports, but profile `{profile}` is a wireless one"]
        ["有線のプロファイルを選んでください。", "choose a wired profile"]
    ProfileWired Error "topology.profile-is-wired"
        ["コントローラー `{switch}` は無線を提供しますが、プロファイル `{profile}` は AP-MAC:SSID を送りません。", "controller `{switch}` serves wireless networks, but profile `{profile}` sends no AP-MAC:SSID"]
        ["called.carries が ap-mac-ssid のプロファイルを選んでください。", "choose a profile whose called.carries is ap-mac-ssid"]
    ServerDeadOpen Error "topology.opens-without-server"
        ["スイッチ `{switch}` はサーバー停止時に誰でも通します(プロファイル `{profile}`)。ここからは環境 {environments} に入れます。", "switch `{switch}` admits everybody while no server answers (profile `{profile}`), and {environments} can be reached from it"]
        ["server_dead が closed の機種や設定にするか、業務環境を一つに絞ってください。", "use a model or setting whose server_dead is closed, or leave only one business environment"]
    FirstWins Error "topology.first-device-wins"
        ["スイッチ `{switch}` では後から来た端末が最初の端末の VLAN に入ります(プロファイル `{profile}`)。ここからは環境 {environments} に入れます。", "on switch `{switch}` everyone joins the first device's VLAN (profile `{profile}`), and {environments} can be reached from it"]
        ["端末ごとに VLAN を分けられる機種にするか、業務環境を一つに絞ってください。", "use a model that keeps devices apart, or leave only one business environment"]
    CriticalVlan Error "topology.critical-vlan"
        ["スイッチ `{switch}` はサーバー停止時に VLAN {vlan} を開きますが、環境 {environment} では許されません。", "switch `{switch}` opens VLAN {vlan} while no server answers, which environment {environment} does not allow"]
        ["server_dead を closed にするか、critical_vlan = true の環境の VLAN にしてください。", "make server_dead closed, or a VLAN of an environment with critical_vlan = true"]

    // Ports and wireless networks.
    BadPortNames Error "topology.bad-port-names"
        ["`{value}` をポート名として読めません({why})。", "`{value}` does not name ports ({why})"]
        ["0/1-48 のように書いてください。まとめられるのは最後の数字だけで、{max} ポートまでです。", "write it as 0/1-48: only the last number can be a range, of at most {max} ports"]
    NotAssigned Error "topology.environment-not-assigned"
        ["環境 {environment} は拠点 `{site}` で VLAN が割り当てられていません。", "site `{site}` assigns no VLAN to environment {environment}"]
        ["site.assign に加えるか、この環境を外してください。", "add it to site.assign, or leave the environment out here"]
    AssignableVlanAbsent Error "topology.assignable-vlan-absent"
        ["環境 {environment} の端末が入る VLAN {vlan} がスイッチ `{switch}` にありません。", "switch `{switch}` does not have VLAN {vlan}, into which devices of environment {environment} are put"]
        ["スイッチの vlans に {vlan} を加えるか、environments でこの環境を外してください。", "add {vlan} to the switch's vlans, or leave the environment out of environments"]
    PortVlanAbsent Error "topology.port-vlan-absent"
        ["ポートの VLAN {vlan} がスイッチ `{switch}` の vlans にありません。", "VLAN {vlan} of the port is not among the vlans of switch `{switch}`"]
        ["スイッチの vlans に加えるか、ポートから外してください。", "add it to the switch's vlans, or take it off the port"]
    VlanForbidden Error "topology.vlan-forbidden"
        ["VLAN {vlan} はスイッチ `{switch}` の認証ポートで使えません。", "VLAN {vlan} cannot be used at authenticated ports of switch `{switch}`"]
        ["別の VLAN を割り当ててください(VLAN 1 とプロファイルの forbidden_vlans は使えません)。", "assign another one; neither VLAN 1 nor the profile's forbidden_vlans can be used"]
    FixedVlanMissing Error "topology.fixed-vlan-missing"
        ["プロファイル `{profile}` は VLAN を指示できないので、認証ポートに vlan が必要です。", "profile `{profile}` cannot be told a VLAN, so the authenticated port needs a vlan of its own"]
        ["スイッチに設定した VLAN を vlan に書いてください。", "write the VLAN set on the switch as vlan"]
    FixedVlanUnused Error "topology.fixed-vlan-unused"
        ["プロファイル `{profile}` では VLAN をサーバーが指示するので、認証ポートの vlan は使われません。", "with profile `{profile}` the server tells the VLAN, so the authenticated port's own is unused"]
        ["vlan を取り除いてください。", "remove vlan"]
    FixedVlanEnvironment Error "topology.fixed-vlan-of-another-environment"
        ["固定 VLAN {vlan} は環境 {owner} のもので、このポートから環境 {environment} には入れません。", "the fixed VLAN {vlan} belongs to environment {owner}, so {environment} cannot be reached from this port"]
        ["environments を取り除くか、[\"{owner}\"] だけにしてください。", "remove environments, or leave only [\"{owner}\"]"]
    MultiHost Error "topology.multi-host"
        ["認証ポート `{ports}` は最初の一台で全員に開きますが、環境 {environments} に入れます。", "the first device opens the authenticated ports `{ports}` for all, and {environments} can be reached from them"]
        ["host_mode を single か multi-auth にするか、環境を一つに絞ってください。", "make host_mode single or multi-auth, or leave only one environment"]

    // Links, rings and gateways.
    BadLinkEnd Error "topology.bad-link-end"
        ["`{value}` はリンクの端ではありません。", "`{value}` is not an end of a link"]
        ["スイッチ:ポート の形で、両端の二つを書いてください。", "write switch:port, and two of them"]
    LinkEndNotTrunk Error "topology.link-end-not-trunk"
        ["`{value}` は幹線(trunk)でも固定(access)でもないポートです。", "`{value}` is neither a trunk nor an access port"]
        ["ポートの role を trunk にするか、リンクの端を確認してください。", "make it a trunk port, or check the end of the link"]
    LinkDiffers Warning "topology.link-differs"
        ["リンクの {what} は {link} ですが、`{end}` では {port} です。", "the link's {what} is {link}, but that of `{end}` is {port}"]
        ["リンクと両端のポートを同じにしてください。", "make link and both ports the same"]
    StandbyOfItself Error "topology.standby-of-itself"
        ["ゲートウェイ {gateway} が自分自身の予備になっています。", "gateway {gateway} is named as its own standby"]
        ["代わる相手のゲートウェイを書いてください。", "name the gateway whose place it takes"]
    RouteNowhere Warning "topology.route-nowhere"
        ["{to} への経路の次の中継先 {via} は、どのインターフェースの範囲にもありません。", "the next hop {via} of the route to {to} is on no interface"]
        ["アドレスを確認してください。このままでは経路は使われません。", "check the address; as it is, the route is never used"]
    PortsWithoutProtocol Error "topology.ports-without-protocol"
        ["ポートを書いた規則には protocol が tcp か udp でなければなりません。", "a rule with ports needs tcp or udp as its protocol"]
        ["protocol を書くか、ポートを取り除いてください。", "write the protocol, or remove the ports"]
    EstablishedNotTcp Error "topology.established-not-tcp"
        ["established は protocol が tcp の規則にだけ書けます。", "established goes only with the protocol tcp"]
        ["protocol を tcp にするか、established を取り除いてください。", "make the protocol tcp, or remove established"]
    BadPorts Error "file.bad-ports"
        ["`{value}` をポート番号として読めません。", "`{value}` is no port number"]
        ["\"443\" や \"8000-8010\" のように書いてください。", "write it as \"443\" or \"8000-8010\""]
    GatewayAddressTaken Error "topology.gateway-address-taken"
        ["ゲートウェイのアドレス {address} は `{other}` のものです。", "the gateway's address {address} is `{other}`'s"]
        ["どちらかのアドレスを直してください。代わりに立つ側なら standby_of を書いてください。", "mend one of them; one that takes the other's place has standby_of"]
    GatewayAddressNoMachine Error "topology.gateway-address-no-machine"
        ["{address} はネットワークかブロードキャストのアドレスで、機器には付けられません。", "{address} is the address of a network or a broadcast, and no machine's"]
        ["範囲の中の別のアドレスを書いてください。", "write another address inside the prefix"]
    GatewayAddress Error "topology.gateway-address"
        ["ゲートウェイのアドレス {address} は VLAN {vlan} の範囲({prefix})に合いません。", "the gateway's address {address} does not fit the prefix of VLAN {vlan} ({prefix})"]
        ["VLAN の範囲の中のアドレスを、同じプレフィックス長で書いてください。", "write an address inside the VLAN's prefix, with the same prefix length"]

    // Places.
    PlaceSwitchElsewhere Error "place.switch-elsewhere"
        ["スイッチ `{switch}` は拠点 `{site}` ではなく `{other}` にあります。", "switch `{switch}` does not stand at site `{site}` but at `{other}`"]
        ["`{other}/{switch}` と書いてください。", "write `{other}/{switch}`"]

    // Inventory.
    InventoryEncoding Notice "inventory.encoding"
        ["文字コードを {encoding} として読みました。", "read as {encoding}"]
        ["文字化けがある場合は UTF-8 で保存し直してください。", "if letters look wrong, save the file as UTF-8"]
    InventoryUndecodable Error "inventory.undecodable"
        ["文字コード {encoding} として読めません({octet} バイト目、{octets})。", "it is not {encoding} (octet {octet}: {octets})"]
        ["その文字を入力し直し、UTF-8 で保存してください。", "type that character again and save the file as UTF-8"]
    PrivateUse Warning "inventory.private-use-character"
        ["外字(U+{code})が含まれています。", "it holds a character of private use (U+{code})"]
        ["ほかの機械では読めないので、通常の文字に置き換えてください。", "other machines cannot show it; use an ordinary character"]
    NoHeader Error "inventory.no-header"
        ["見出しの行が見つかりません。", "there is no line of headings"]
        ["先頭から {lines} 行以内に、資産番号、MACアドレス などの見出しを書いてください。", "write headings such as 資産番号 and MACアドレス within the first {lines} lines"]
    ColumnMissing Error "inventory.column-missing"
        ["`{column}` の列がありません。", "there is no column `{column}`"]
        ["見出しに `{column}` を加えてください。", "add a heading `{column}`"]
    ColumnTwice Error "inventory.column-twice"
        ["列 `{other}` と `{column}` は同じ項目です。", "the columns `{other}` and `{column}` are the same"]
        ["使わないほうの列を取り除くか、見出しを別の名前にしてください。", "remove the one that is not used, or give it another heading"]
    ColumnUnknown Notice "inventory.column-unknown"
        ["`{column}` の列は使われません。", "the column `{column}` is not used"]
        ["そのままでかまいません。使うつもりの列なら見出しの綴りを確認してください。", "leave it, or check the heading's spelling if it is meant to be used"]
    RowWidth Error "inventory.row-width"
        ["この行には {found} 列ありますが、見出しは {expected} 列です。", "this row has {found} cells, the headings {expected}"]
        ["区切り文字や引用符の抜けがないか確認してください。", "look for a missing separator or quote"]
    QuoteOpen Error "inventory.quote-open"
        ["引用符 \" の数が奇数です。閉じていない引用符があります。", "the number of quotes is odd; one is not closed"]
        ["引用符を閉じるか、文字としての \" は \"\" と書いてください。", "close the quote, or write a quote that is text twice"]
    CellLong Error "inventory.cell-too-long"
        ["{max} 文字を超えています。", "it is longer than {max} characters"]
        ["短くするか、閉じていない引用符がないか確認してください。", "shorten it, or look for a quote that is not closed"]
    MacZerosLost Error "inventory.mac-zeros-lost"
        ["`{value}` は先頭の0が失われた可能性があります(元は {candidate} ?)。", "`{value}` may have lost its leading zeros (was it {candidate}?)"]
        ["機器の表示を確かめ、ハイフン付きで書いてください(例 00-00-00-02-41-03)。", "check the device and write it with hyphens, as 00-00-00-02-41-03"]
    MacExponent Error "inventory.mac-exponent"
        ["`{value}` は表計算ソフトが指数に変えた値で、元の桁が失われています。", "`{value}` was turned into an exponent by a spreadsheet; its digits are lost"]
        ["機器の表示を確かめ、ハイフン付きで書き直してください。", "check the device and write it again with hyphens"]
    MacLength Error "inventory.mac-length"
        ["`{value}` は {digits} 桁です。MAC アドレスは16進 12 桁です。", "`{value}` has {digits} digits; a MAC address has 12 hexadecimal digits"]
        ["抜けや重複がないか確認してください。", "look for digits left out or doubled"]
    MacNotHex Error "inventory.mac-not-hexadecimal"
        ["`{value}` の {position} 文字目 `{letter}` は16進の数字ではありません。", "character {position} of `{value}`, `{letter}`, is not a hexadecimal digit"]
        ["数字の 0 と文字の O、1 と I を確認してください。", "check 0 against the letter O, and 1 against I"]
    MacSeparators Error "inventory.mac-separators"
        ["`{value}` の区切りが不規則です。", "the separators of `{value}` are irregular"]
        ["00-11-22-AA-BB-CC のように書いてください。", "write it as 00-11-22-AA-BB-CC"]
    MacZero Error "inventory.mac-zero"
        ["MAC アドレスがすべて 0 です。", "the MAC address is all zero"]
        ["機器の表示を確かめて書き直してください。", "check the device and write its address"]
    MacBroadcast Error "inventory.mac-broadcast"
        ["MAC アドレスがすべて F(ブロードキャスト)です。", "the MAC address is the broadcast address"]
        ["機器の表示を確かめて書き直してください。", "check the device and write its address"]
    MacGroup Error "inventory.mac-group"
        ["`{value}` はグループアドレスで、一台の機器のものではありません。", "`{value}` is a group address, not that of one device"]
        ["機器の表示を確かめて書き直してください。", "check the device and write its address"]
    MacTwice Error "inventory.mac-twice"
        ["MAC アドレス {mac} は {other} にもあります。", "the MAC address {mac} is also at {other}"]
        ["どちらの機器のものか確かめ、片方を直してください。", "find out whose it is, and mend the other row"]
    MacLocal Warning "inventory.mac-locally-administered"
        ["MAC アドレス {mac} は端末が自分で付けたもの(ランダム MAC など)です。", "the MAC address {mac} is locally administered, as randomised ones are"]
        ["端末の「プライベート アドレス」を切り、本来のアドレスを登録してください。", "switch off private addresses on the device and register its real one"]
    MacLocalCertificate Error "inventory.mac-locally-administered-certificate"
        ["証明書だけで入る環境 {environment} に、端末が自分で付けた MAC アドレス {mac} は登録できません。", "the locally administered MAC address {mac} cannot be registered in environment {environment}, which admits by certificate only"]
        ["機器に焼き込まれたアドレスを登録してください。", "register the address burnt into the device"]
    NoMac Error "inventory.no-mac"
        ["MAC アドレスがありません。証明書があってもこの端末は入れません。", "there is no MAC address; not even a certificate lets the device in without"]
        ["機器の MAC アドレスを書いてください。", "write the device's MAC address"]
    ComputerTwice Warning "inventory.computer-twice"
        ["コンピューター名 `{value}` は {other} にもあります。", "the computer name `{value}` is also at {other}"]
        ["どちらかの名前を確認してください。", "check both names"]
    EnvironmentClosed Error "inventory.environment-closed"
        ["環境 {environment} には端末を登録できません。", "no device can be registered in environment {environment}"]
        ["端末が属する業務環境を書いてください。", "write the business environment the device belongs to"]
    NeverAdmitted Warning "inventory.never-admitted"
        ["区分 `{class}` は MAC アドレスだけでは入れず、証明書もないので、この端末は入れません。", "class `{class}` is never admitted by MAC address and there is no certificate, so this device cannot get in"]
        ["証明書識別名を書くか、区分を確認してください。", "write its certificate name, or check its class"]

    // The plan as a whole.
    PlaceNotServed Warning "check.place-not-served"
        ["`{place}` では環境 {environment} に入れないので、ここに登録した端末は入れません。", "environment {environment} cannot be reached at `{place}`, so a device registered there can never be admitted"]
        ["設置場所か環境を確認してください。", "check the place or the environment"]
    AdmittedNowhere Warning "check.admitted-nowhere"
        ["台帳の端末のうち {count} 台(区分 `{class}`、環境 {environment}: {devices})は、どの場所でも拒まれます({reason})。", "registered devices that are refused wherever they are ({reason}): {count} ({devices}; class `{class}`, environment {environment})"]
        ["`sekisho explain {question}` で理由を確かめ、規則、例外または台帳を直してください。", "see why with `sekisho explain {question}`, then mend the rules, exceptions or the inventory"]
    PinnedWithoutPort Warning "check.pinned-without-port"
        ["区分 `{class}` は設置ポートを登録した端末だけが MAC アドレスで入れますが、ポートがありません。", "devices of class `{class}` are admitted by MAC address only at a registered port, and none is given"]
        ["設置場所を 拠点/スイッチ/ポート の形で書いてください。", "write the place as site/switch/port"]
    PortShared Warning "check.port-shared"
        ["`{place}` は一台用(single)ですが、{other} の端末も証明書なしで登録されています。", "`{place}` takes a single device, but the one at {other} is registered there without certificate as well"]
        ["どちらかの設置場所を確認してください。", "check the place of both"]
    GrantNotServed Warning "check.grant-not-served"
        ["`{place}` では環境 {environment} に入れないので、この許可は使えません。", "environment {environment} cannot be reached at `{place}`, so the grant is of no use"]
        ["場所か環境を確認してください。", "check the places or the environment"]
    GrantRegistered Error "check.grant-registered"
        ["MAC アドレス {mac} は登録済みの端末({other})のものです。", "the MAC address {mac} is that of a registered device ({other})"]
        ["登録済みの端末に一時許可は要りません。許可か台帳の一方を直してください。", "a registered device needs no grant; mend the grant or the inventory"]
    MessageAuthenticatorOptional Warning "check.message-authenticator-optional"
        ["スイッチ `{switch}` は Message-Authenticator のない要求も通します(BlastRADIUS, CVE-2024-3596)。", "switch `{switch}` may send requests without Message-Authenticator (BlastRADIUS, CVE-2024-3596)"]
        ["スイッチを更新し、message_authenticator を require にしてください。", "update the switch and make message_authenticator require"]
    BadSocket Error "file.bad-socket-address"
        ["`{value}` を IP アドレスとポート番号の組として読めません。", "`{value}` is no IP address with a port"]
        ["127.0.0.1:1812 や [fd00:2::1]:1812 のように書いてください。", "write it as 127.0.0.1:1812 or [fd00:2::1]:1812"]
    BadId Error "file.bad-id"
        ["`{value}` は識別子に使えません。", "`{value}` cannot be an id"]
        ["先頭は英数字とし、英数字と `-` `_` `.` だけで {max} 文字以内にしてください。", "begin with a letter or digit and use ASCII letters, digits, `-`, `_` and `.` only, at most {max} characters"]
    BadDnsName Error "file.bad-dns-name"
        ["`{value}` は DNS 名ではありません。", "`{value}` is no DNS name"]
        ["radius.city.example のように書いてください。IP アドレスは使えません。", "write it as radius.city.example; an IP address will not do"]
    BadMac Error "file.bad-mac"
        ["`{value}` は 1 台の端末を表す MAC アドレスではありません({why})。", "`{value}` is not the MAC address of one station ({why})"]
        ["00-11-22-AA-BB-CC のように、機器に表示されたアドレスを書いてください。", "write the address shown on the device, as 00-11-22-AA-BB-CC"]
    LocalMac Warning "file.local-mac"
        ["`{value}` は端末が自分で決めたアドレスです(ローカル管理ビット)。いつでも変わりえます。", "`{value}` is a locally administered address, which the device may change at any time"]
        ["端末側で「プライベートアドレス」などの設定を切り、固有のアドレスを書いてください。", "switch the device's private address setting off and write its own address"]
    BadSpelling Error "file.bad-mac-spelling"
        ["`{value}` は MAC アドレスの書式の見本になりません。", "`{value}` is no example of a MAC address spelling"]
        ["アドレス 00 11 22 aa bb cc を機器の書式で書いてください(例: `0011.22aa.bbcc`)。", "write the address 00 11 22 aa bb cc the way the switch does, as `0011.22aa.bbcc`"]
    TooMany Error "file.too-many"
        ["{count} 件あり、上限の {max} 件を超えています。", "there are {count}, more than the {max} allowed"]
        ["{max} 件以内に減らしてください。", "keep them to {max}"]
    BadTimeOfDay Error "calendar.bad-time"
        ["時刻 `{value}` を使えません。", "`{value}` cannot be used as a time of day here"]
        ["08:30 のように書き、終わりを始まりより後にしてください(24:00 まで)。", "write it as 08:30, with an end after the beginning, at most 24:00"]
    AlertHost Error "alert.bad-address"
        ["`{value}` は送り先として読めません。", "`{value}` names no receiver"]
        ["名前またはアドレスとポートを log.city.example:6514 や [fd00::9]:514 のように書いてください。", "write name or address and port, as log.city.example:6514 or [fd00::9]:514"]
    AlertUrl Error "alert.bad-url"
        ["URL `{value}` を使えません。", "the URL `{value}` cannot be used"]
        ["https://hook.city.example/path のように書いてください。鍵は secrets/alert/ に置きます。", "write it as https://hook.city.example/path; a token belongs into secrets/alert/"]
    SensorInterface Error "sensor.bad-interface"
        ["`{value}` はインターフェース名として使えません。", "`{value}` cannot be the name of an interface"]
        ["ip link が示す名前を 15 文字以内で書いてください。", "write the name that ip link shows, at most 15 characters"]
    SensorInClear Error "sensor.token-in-clear"
        ["`{value}` ではセンサーのトークンが暗号化されずに流れます。", "by `{value}` the sensor's token would be sent in the clear"]
        ["https の URL にしてください。http が使えるのは 127.0.0.1 など自分自身だけです。", "use an https URL; http is for this machine itself, as 127.0.0.1"]
    SensorLadder Error "sensor.ladder"
        ["again が first より弱い対応です。", "`again` does less than `first`"]
        ["again には first と同じか、より強い対応(alert < quarantine < port-down)を書いてください。", "let `again` be the same as `first` or more (alert < quarantine < port-down)"]
    TripwireZone Error "tripwire.zone"
        ["`{value}` はトリップワイヤーのゾーンに使えません(二つ以上のラベルで {max} 文字以内)。", "`{value}` cannot be the zone of the tripwire (two labels or more, at most {max} characters)"]
        ["市が持つドメインの下に専用のゾーンを a.lan.city.example のように書いてください。", "write a zone of its own below a domain of the city, as a.lan.city.example"]
    TripwireNameServer Error "tripwire.name-server-inside"
        ["ネームサーバー `{value}` がゾーン自身の中にあります。", "the name server `{value}` lies inside the zone itself"]
        ["ゾーンの外の名前を書いてください。ゾーンの中には PC のラベルだけを置きます。", "write a name outside the zone, which holds nothing but labels of PCs"]
    TripwireSameAnswer Error "tripwire.same-answer"
        ["庁内と公開側の答えが同じアドレス `{value}` です。", "inside and outside are answered with the same address `{value}`"]
        ["inside には庁内の Web サーバー、outside には応答サーバーの公開アドレスを書いてください。", "write a web server of the inside as `inside`, and the responder's public address as `outside`"]
    TripwireKeyAbsent Warning "tripwire.key-absent"
        ["`{path}` がないため、トリップワイヤーが反応しても PC を特定できません。", "no PC can be named when the tripwire is hit: `{path}` is missing"]
        ["`sekisho tripwire key` で作って reload してください。", "make it by `sekisho tripwire key` and reload"]
    TripwireKeyUnusable Warning "tripwire.key-unusable"
        ["`{path}` は {length} バイトで、{want} バイトではないため使えません。", "`{path}` has {length} octets instead of {want} and cannot be used"]
        ["`sekisho tripwire key` で作ったものに戻すか、削除して作り直してください(ラベルはすべて変わります)。", "bring back what `sekisho tripwire key` made, or delete it and make another (which changes every label)"]
    AlertMailbox Error "alert.bad-mail-address"
        ["`{value}` はメールアドレスとして読めません。", "`{value}` is no mail address"]
        ["kansei@city.example のように書いてください。", "write it as security@city.example"]
    AlertSecretInClear Error "alert.secret-in-clear"
        ["トークンまたはパスワードを暗号化せずに送ることはできません。", "a token or password would be sent in the clear"]
        ["https の URL、または security = \"starttls\" か \"tls\" にしてください。", "use an https URL, or security = \"starttls\" or \"tls\""]
    AlertSecretAbsent Warning "alert.secret-absent"
        ["`{path}` がないため、警報を {sink} に送れません。", "alerts cannot go to {sink}: `{path}` is missing"]
        ["ファイルを置いて reload してください。", "put the file there and reload"]
    AlertSecretUnusable Warning "alert.secret-unusable"
        ["`{path}` を使えないため、警報を {sink} に送れません。", "alerts cannot go to {sink}: `{path}` cannot be used"]
        [".pem には送り先の証明書を発行した認証局の証明書、ほかには印字できる ASCII の一語を書いてください。", "a .pem holds the certificate of the authority that issued the receiver's; the others hold one word of printable ASCII"]
    DetectionPattern Error "detection.bad-pattern"
        ["正規表現 `{value}` を使えません: {cause}", "the regular expression `{value}` cannot be used: {cause}"]
        ["'...' で囲み、先読みや後方参照は使わずに書いてください。", "write it between '...', without look-around and back-references"]
    DetectionNamesNothing Error "detection.names-nothing"
        ["正規表現に端末を示す組がありません。", "the regular expression has no group that names the device"]
        ["次の組のどれかを入れてください: {groups}", "add one of the groups {groups}"]
    DetectionDeaf Warning "detection.no-listener"
        ["規則 {rule} は有効ですが、受け口が一つもありません。", "rule {rule} is enabled, but nothing is listened on"]
        ["[listen] の udp、tcp、tls のどれかにアドレスを書いてください。", "write an address into udp, tcp or tls of [listen]"]
    DetectionSenderAbsent Warning "detection.no-certificate"
        ["`secrets/detection/` に証明書がないため、TLS では誰からも受け取りません。", "nobody can send over TLS: `secrets/detection/` holds no certificate"]
        ["送信側の証明書を secrets/detection/NAME.pem に置いて reload してください。", "put the sender's certificate at secrets/detection/NAME.pem and reload"]
    TimesReversed Error "file.times-reversed"
        ["始まり({from})が終わり({until})より前ではありません。", "the beginning ({from}) is not before the end ({until})"]
        ["二つの日付を確認してください。", "check the two dates"]

    // SNMP.
    SnmpCommunity Warning "snmp.community"
        ["SNMPv2c はコミュニティ(パスワード)を平文で送り、応答も偽造できます。", "version 2c sends its community in clear, and answers can be forged"]
        ["SNMPv3(auth と privacy)にしてください。", "use version 3 with auth and privacy"]
    SnmpInClear Warning "snmp.in-clear"
        ["スイッチの表が平文で流れます。", "the tables of the switches pass in clear"]
        ["privacy を aes-128 以上にしてください。", "set privacy to aes-128 or better"]
    // Environments.
    PrefixOverlap Error "environment.prefix-overlap"
        ["環境 {environment} の `{prefix}` が、環境 {other} の `{other_prefix}` と重なっています。", "`{prefix}` of environment {environment} overlaps `{other_prefix}` of environment {other}"]
        ["アドレスは一つの環境だけに割り当ててください。", "give every address to one environment only"]
    VlanOne Error "environment.vlan-one"
        ["VLAN 1 は使えません(規則 R14)。", "VLAN 1 may not be used (rule R14)"]
        ["2 から 4094 の番号を使ってください。", "use a number from 2 to 4094"]
    VlanOutside Error "environment.vlan-outside"
        ["VLAN {vlan} の `{prefix}` は、環境 {environment} のアドレスの範囲にありません。", "`{prefix}` of VLAN {vlan} lies outside the addresses of environment {environment}"]
        ["VLAN のアドレスか、環境の prefixes を直してください。", "mend the VLAN's prefix or the environment's prefixes"]
    VlanOverlap Error "environment.vlan-overlap"
        ["VLAN {vlan} の `{prefix}` が、VLAN {other} の `{other_prefix}` と重なっています。", "`{prefix}` of VLAN {vlan} overlaps `{other_prefix}` of VLAN {other}"]
        ["VLAN ごとに別のアドレスを割り当ててください。", "give every VLAN addresses of its own"]
    QuarantineCount Error "environment.quarantine-count"
        ["role が quarantine の環境が {count} 個あります。", "there are {count} environments whose role is quarantine"]
        ["隔離の環境をちょうど一つ書いてください。", "write exactly one quarantine environment"]
    NoAuthority Error "environment.no-authority"
        ["環境 {environment} は証明書で入れますが、認証局が一つもありません。", "environment {environment} admits by certificate but names no authority"]
        ["authorities に認証局を一つ以上書いてください。", "name at least one authority in `authorities`"]
    RoleAdmits Error "environment.role-admits"
        ["環境 {environment} の役割({role})では、端末の登録を受け付けられません。", "environment {environment} is {role}, which no device may be registered into"]
        ["admission を \"none\" にしてください。", "set admission to \"none\""]
    PairShape Error "environment.pair-shape"
        ["組には異なる環境をちょうど二つ書きます。", "a pair is exactly two different environments"]
        ["between を [\"A\", \"B\"] のように書いてください。", "write between as [\"A\", \"B\"]"]
    PairRole Error "environment.pair-not-business"
        ["環境 {environment} は業務環境ではないので、組にできません。", "environment {environment} is not a business environment and cannot be paired"]
        ["role が business の環境どうしだけを組にしてください。", "pair only environments whose role is business"]
    PairMissing Error "environment.pair-missing"
        ["業務環境の組が書かれていません: {pairs}", "pairs of business environments are missing: {pairs}"]
        ["すべての組を一度ずつ [[pair]] に書いてください。書かない通信の既定値はありません。", "write every pair once as [[pair]]; there is no default for what may flow"]

    // Profiles.
    ProfileFileName Error "profile.file-name"
        ["プロファイル `{profile}` が `{file}` に書かれています。", "profile `{profile}` is written in `{file}`"]
        ["ファイル名を `profiles/{profile}.toml` にしてください。", "name the file `profiles/{profile}.toml`"]
    ProfileConflict Error "profile.conflict"
        ["`{one}` と `{other}` は両立しません。", "`{one}` and `{other}` contradict each other"]
        ["機器の設定を確認し、どちらかを直してください。", "check how the switch is set and mend one of the two"]
    PortPattern Error "profile.port-pattern"
        ["`{value}` をポート名の型として使えません。", "`{value}` cannot be the pattern of port names"]
        ["`{port}` を一度、必要なら `{slot}` を一度、あいだに数字以外の文字を置いて書いてください。", "write `{port}` once and `{slot}` at most once, with something other than a digit after each"]
    ProfileUnproven Notice "profile.unproven"
        ["実機の記録で確かめていないプロファイル: {profiles}", "profiles that no recorded packet backs yet: {profiles}"]
        ["実機のパケットを記録し、source を `capture: 記録の名前` にしてください。", "record packets of the real switch and set source to `capture: NAME`"]

    // Policy.
    VlanElsewhere Error "policy.vlan-elsewhere"
        ["VLAN {vlan} は環境 {environment} のものですが、規則がその環境だけに絞られていません。", "VLAN {vlan} belongs to environment {environment}, but the rule is not restricted to exactly that one"]
        ["environments を [\"{environment}\"] としてください。別の環境の端末が入り込むのを防ぎます。", "set environments to [\"{environment}\"], or devices of another environment would land there"]
    VlanWithoutAdmit Error "policy.vlan-without-admit"
        ["vlan は action が admit の規則にだけ書けます。", "`vlan` goes only with the action admit"]
        ["vlan を取り除くか、action を見直してください。", "remove vlan, or reconsider the action"]
    MacOverAir Error "policy.mac-over-air"
        ["MAC アドレスだけの端末を無線で入れる規則です。", "the rule admits by MAC address over the air"]
        ["media を [\"wired\"] に、または methods を [\"eap-tls\"] にしてください。", "set media to [\"wired\"] or methods to [\"eap-tls\"]"]
    UnreachableRule Warning "policy.unreachable-rule"
        ["先にある規則 {earlier} がすべて受けるので、この規則は決して働きません。", "the earlier rule {earlier} takes everything, so that this one never speaks"]
        ["順序を入れ替えるか、この規則を取り除いてください。", "change the order, or remove this rule"]

    // Exceptions.
    ExceptionExpired Warning "exception.expired"
        ["例外 {exception} は {until} に期限が切れました。もう効いていません。", "exception {exception} expired at {until} and no longer holds"]
        ["不要なら取り除き、続けるなら改めて承認を得てください。", "remove it, or have it approved again"]
    ExceptionExpiring Warning "exception.expiring"
        ["例外 {exception} はあと {days} 日で期限が切れます。", "exception {exception} expires in {days} days"]
        ["対象の機器を更新するか、改めて承認を得てください。", "replace the device, or have the exception approved again"]
    ExceptionNotYet Warning "exception.not-yet-approved"
        ["例外 {exception} の承認日({from})はまだ来ていません。それまで効きません。", "exception {exception} is approved only from {from} and does not hold before"]
        ["承認日を確認してください。", "check the date of approval"]

    // Separation, proven.
    Joined Error "r02.environments-joined"
        ["{one}(VLAN {vlan}、環境 {environment})と {other}(VLAN {other_vlan}、環境 {other_environment})が同じ L2 区間になります。", "{one} (VLAN {vlan}, environment {environment}) and {other} (VLAN {other_vlan}, environment {other_environment}) become one layer 2 segment"]
        ["両端のタグ無し VLAN(native)を同じ環境のものにするか、none にしてください。", "make the untagged VLANs of both ends those of one environment, or none"]
    SharedWire Error "r02.shared-wire"
        ["認証ポート {port} では複数の端末が一本の線を共有し、環境 {environments} の VLAN がタグ無しで混ざります。", "several devices share the wire of authenticated port {port}, where VLANs of {environments} mix untagged"]
        ["host_mode を single にするか、environments を一つに絞ってください。", "make host_mode single, or leave one environment in environments"]
    TrunkAll Error "r02.trunk-carries-all"
        ["幹線ポート {port} はスイッチの VLAN をすべて通します。後から足した VLAN が黙って広がります。", "trunk port {port} carries whatever VLANs the switch has, so that one added later spreads unseen"]
        ["必要な VLAN だけを vlans に並べてください。", "list the VLANs it needs in vlans"]
    LagUneven Error "r02.lag-members-differ"
        ["リンクの束 {lag} の {one} と {other} で VLAN が違います。", "the members {one} and {other} of bundle {lag} carry different VLANs"]
        ["束のリンクはすべて同じ VLAN にしてください。", "give all members of the bundle the same VLANs"]
    CutCrossed Error "r03.path-between-cut-environments"
        ["断つはずの環境 {from} から環境 {to} へ届く通信があります({sample})。", "packets get from environment {from} to environment {to}, which are to be cut ({sample})"]
        ["{line} を直してください。", "mend {line}"]
    Unproven Error "r03.not-proven"
        ["環境 {from} から出るパケットの種類が多すぎ({max} を超える)、分離を確かめられません。", "packets from environment {from} fall into too many kinds (more than {max}); separation could not be proven"]
        ["ゲートウェイの一覧をまとめ、規則を減らしてください。", "give the gateways' lists fewer and wider rules"]
    RelayAcrossCut Error "r03.relay-across-cut"
        ["環境 {from} の通信が中継 `{relay}` を経て環境 {to} に達します。この版のガイドライン({edition})では許されません。", "connections of environment {from} reach environment {to} through relay `{relay}`, which edition {edition} of the guideline does not allow"]
        ["特定通信か一方の環境のアドレスを取り除くか、画面転送(screen)だけを認める版か確認してください。", "remove the flow, or its address in one of them, or check whether the edition allows screen transfer"]
    RelayUndeclared Error "r03.relay-undeclared"
        ["{address} は環境 {from} から受け、環境 {to} へ接続します(特定通信 {one}、{other})。中継として届け出がありません。", "{address} accepts from environment {from} and opens to environment {to} (flows {one}, {other}) but is declared as no relay"]
        ["network.toml の [[relay]] に種別と承認者を書くか、どちらかの通信を取り除いてください。", "declare it as [[relay]] with class and approver in network.toml, or remove one of the flows"]
    RelayChain Notice "r03.relay-chain"
        ["中継 `{relay}`({class})は環境 {from} から環境 {to} への連鎖になります(承認: {approver})。", "relay `{relay}` ({class}) is a chain from environment {from} to environment {to} (approved by {approver})"]
        ["承認の範囲に変わりがないか確認してください。", "confirm that the approval still covers it"]
    FlowUndeclared Error "r04.undeclared-flow"
        ["環境 {from} から環境 {to} へ、特定通信に無い通信が通ります({sample})。", "from environment {from} to environment {to} passes what no permitted flow covers ({sample})"]
        ["{line} を狭めるか、config/flows.toml に特定通信として書いて承認を得てください。", "narrow {line}, or have it approved as a flow in config/flows.toml"]
    FlowTooWide Error "r05.too-wide"
        ["特定通信 {flow} の `{value}` は広すぎます。", "`{value}` of flow {flow} is too wide"]
        ["IPv4 は /{min4}、IPv6 は /{min6} より狭い範囲か、ホストを書いてください。", "write hosts, or networks of at least /{min4} (IPv4) or /{min6} (IPv6)"]
    FlowPorts Error "r05.ports"
        ["特定通信 {flow} のポートが {count} 個です(1 から {max})。", "flow {flow} has {count} ports (1 to {max} are allowed)"]
        ["アプリケーションのポートだけを書いてください。", "write the ports of the application only"]
    FlowAcrossCut Error "r05.flow-across-cut"
        ["特定通信 {flow} は断つはずの環境 {from} と環境 {to} をまたぎます。", "flow {flow} crosses between {from} and {to}, which are to be cut"]
        ["取り除くか、environments.toml の pair を見直してください。", "remove it, or reconsider the pair in environments.toml"]
    FlowDead Warning "r06.dead-flow"
        ["特定通信 {flow} は、どの経路でも通りません(例: {sample})。", "flow {flow} is possible on no path (for example {sample})"]
        ["ゲートウェイの経路と許可を確認するか、不要なら取り除いてください。", "check routes and permits of the gateways, or remove the flow"]
    RuleCrosses Error "r09.rule-crosses"
        ["規則 {rule} は環境 {environment} の端末を VLAN {vlan}(環境 {other_environment})に入れます。", "rule {rule} puts devices of environment {environment} into VLAN {vlan} of environment {other_environment}"]
        ["その環境の VLAN を書いてください。", "write a VLAN of that environment"]
    ExceptionUnpinned Error "r10.exception-not-pinned"
        ["MAC だけで環境 {environment} に入る端末 {device} が、ポートに固定されていません。", "device {device} enters environment {environment} by its MAC address alone and is pinned to no port"]
        ["台帳の設置場所をポートまで書いてください。", "write its place down to the port in the inventory"]
    WirelessForbidden Error "r11.wireless"
        ["無線ネットワーク {ssid} から環境 {environment} に入れますが、許されません(版 {edition})。", "environment {environment} can be reached through wireless network {ssid}, which is not allowed (edition {edition})"]
        ["この環境を無線ネットワークから外してください。", "take the environment off the wireless network"]
    FailsToWire Error "r12.fails-to-wire"
        ["ゲートウェイ {gateway} は故障時に環境 {environments} を素通しでつなぎます。", "gateway {gateway} joins environments {environments} when it fails"]
        ["バイパスの無い機器か設定にしてください。", "use a device or setting without bypass"]
    QuarantineLeadsOut Error "r13.quarantine-leads-out"
        ["隔離の環境 {from} と環境 {to} のあいだで通信できます({sample})。", "packets pass between {from} and {to}, one of which is the quarantine ({sample})"]
        ["{line} を取り除いてください。", "remove {line}"]
    RuleVlanAbsent Error "r15.rule-vlan-absent"
        ["規則 {rule} の VLAN {vlan} がスイッチ {switches} にありません。", "VLAN {vlan} of rule {rule} does not exist on {switches}"]
        ["規則の sites や switches を絞るか、スイッチの vlans に加えてください。", "restrict the rule's sites or switches, or add the VLAN to the switches"]
    NoWayToGateway Warning "r15.no-way-to-gateway"
        ["スイッチ {switch} の VLAN {vlan} はゲートウェイにつながっていません。", "VLAN {vlan} at switch {switch} does not reach its gateway"]
        ["上り幹線とリンクの VLAN を確認してください。", "check the VLANs of uplinks and links"]
    TrunkUnlinked Warning "r16.trunk-without-link"
        ["幹線ポート {ports} にリンクが書かれていません。つなげば認証なしに VLAN {vlans} へ入れます。", "trunk ports {ports} have no link; whoever plugs in reaches VLANs {vlans} without authentication"]
        ["つながる相手を [[link]] に書くか、unused にしてください。", "write what is connected as [[link]], or make them unused"]
    MultiHostUnlisted Error "r16.multi-host"
        ["認証ポート {ports} では二台目からは認証されません。", "at authenticated ports {ports} only the first device is authenticated"]
        ["host_mode を変えるか、理由を reason に書いてください。", "change host_mode, or write why as reason"]
    Unguarded Notice "r16.bridge-possible"
        ["認証の無いポートどうしを橋渡しされると環境がつながります: {ports}。", "a bridge between these unauthenticated ports would join environments: {ports}"]
        ["台数を減らすか、MAC の上限と BPDU ガードを設定してください。", "have fewer of them, or limit MAC addresses and set BPDU guard"]
    SingleLink Warning "r24.single-link"
        ["リンク {link} が切れると {switches} が孤立します(VLAN {vlans})。", "when link {link} fails, {switches} are cut off (VLANs {vlans})"]
        ["別の経路を設けるか、R24 の例外として承認を得てください。", "provide another way, or have it approved as an exception from R24"]
    SingleSwitch Warning "r24.single-switch"
        ["スイッチ {switch} が止まると、よその拠点の {switches} が孤立します(VLAN {vlans})。", "when switch {switch} fails, {switches} of other sites are cut off (VLANs {vlans})"]
        ["別の経路を設けるか、R24 の例外として承認を得てください。", "provide another way, or have it approved as an exception from R24"]
    GatewayNotCarried Warning "r24.gateway-not-carried"
        ["ゲートウェイ {gateway} をつなぐ `{place}` は VLAN {vlans} を運びません。", "`{place}`, where gateway {gateway} is connected, does not carry VLAN {vlans}"]
        ["attach を直すか、そのスイッチかトランクの vlans に加えてください。", "mend attach, or add them to the vlans of that switch or trunk"]
    SingleGateway Warning "r24.single-gateway"
        ["ゲートウェイ {gateway} が止まると VLAN {vlans} の出口がなくなります。", "when gateway {gateway} fails, VLANs {vlans} have no way out"]
        ["予備(standby_of)を設けるか、R24 の例外として承認を得てください。", "provide a standby (standby_of), or have it approved as an exception from R24"]

    // Permitted flows.
    FlowStays Error "flow.stays-inside"
        ["特定通信 {flow} の両端が同じ環境です。", "both ends of flow {flow} are in the same environment"]
        ["環境をまたぐ通信だけを書いてください。", "write only what crosses environments"]
    FlowFamilies Error "flow.families-differ"
        ["特定通信 {flow} の両端に、同じ種類(IPv4 か IPv6)のアドレスがありません。", "the ends of flow {flow} have no family (IPv4 or IPv6) in common"]
        ["両端に同じ種類のアドレスを書いてください。", "write addresses of one family at both ends"]
    FlowOutside Error "flow.address-outside"
        ["`{value}` は環境 {environment} のアドレスではありません。", "`{value}` is no address of environment {environment}"]
        ["アドレスか environment を直してください。", "mend the address or the environment"]
    FlowExpired Warning "flow.expired"
        ["特定通信 {flow} は {until} に承認の期限が切れました。", "the approval of flow {flow} ended at {until}"]
        ["取り除いて機器の設定からも外すか、改めて承認を得てください。", "remove it here and from the gateways, or have it approved again"]
    FlowExpiring Warning "flow.expiring"
        ["特定通信 {flow} の承認はあと {days} 日で切れます。", "the approval of flow {flow} ends in {days} days"]
        ["続けるなら、改めて承認を得てください。", "have it approved again if it is still needed"]
    FlowNotYet Warning "flow.not-yet-approved"
        ["特定通信 {flow} の承認日({from})はまだ来ていません。", "flow {flow} is approved only from {from}"]
        ["承認日を確認してください。", "check the date of approval"]

    ExceptionIdle Notice "exception.excuses-nothing"
        ["例外 {exception}(規則 {rule})の対象 `{object}` には、認めるべき指摘がありません。", "exception {exception} from rule {rule} has nothing to excuse about `{object}`"]
        ["綴りを確認するか、もう要らなければ取り除いてください。", "check the spelling, or remove it when it is no longer needed"]

    // Grants.
    GrantTooLong Error "grant.too-long"
        ["一時許可 {grant} の期間が {max_days} 日を超えています。", "grant {grant} runs for more than {max_days} days"]
        ["期間を {max_days} 日以内にするか、端末を台帳に登録してください。", "keep it within {max_days} days, or register the device in the inventory"]
    GrantNobody Error "grant.names-nobody"
        ["一時許可 {grant} に端末が書かれていません。", "grant {grant} names no device"]
        ["mac か certificate のどちらかを書いてください。", "write mac or certificate"]
    GrantEnvironment Error "grant.environment-closed"
        ["環境 {environment} には一時許可で入れません。", "no grant can lead into environment {environment}"]
        ["admission が none でない業務環境を書いてください。", "name a business environment whose admission is not none"]
    GrantCertificate Error "grant.certificate-absent"
        ["一時許可 {grant} の環境には証明書でしか入れませんが、certificate がありません。", "grant {grant} leads into an environment that only certificates enter, and names none"]
        ["certificate に持ち込む端末の証明書の名前を書いてください。", "write the name in the device's certificate as certificate"]
    GrantNotYet Warning "grant.not-yet-approved"
        ["一時許可 {grant} の承認日({from})はまだ来ていません。それまで効きません。", "grant {grant} is approved only from {from} and does not hold before"]
        ["承認日を確認してください。", "check the date of approval"]
    GrantEnded Warning "grant.ended"
        ["一時許可 {grant} は {until} に終わりました。", "grant {grant} ended at {until}"]
        ["不要なら取り除いてください。", "remove it when it is no longer needed"]
    GrantEnding Warning "grant.ending"
        ["一時許可 {grant} はあと {days} 日で終わります。", "grant {grant} ends in {days} days"]
        ["作業が続くなら、承認を得て期間を延ばしてください。", "if the work goes on, have it approved and extend it"]

    // The secrets directory.
    SecretUnknown Warning "secret.unknown-file"
        ["`{path}` に当たるスイッチや認証局はありません。", "`{path}` belongs to no switch or authority of the plan"]
        ["名前を確認するか、不要なら消してください。", "check the name, or delete the file"]
    ClientSecretAbsent Warning "secret.client-absent"
        ["共有鍵の無いスイッチが {count} 台あり、応答できません({paths})。", "switches without a shared secret, which get no answer: {count} ({paths})"]
        ["スイッチごとに無作為な鍵を作り、そのファイルとスイッチの両方に設定してください。", "make a random one for each, and put it both into its file and on the switch"]
    SnmpSecretAbsent Notice "secret.snmp-absent"
        ["`{path}` がないため、プロファイル {profile} のスイッチの表を読めません。", "the tables of switches of profile {profile} cannot be read: `{path}` is missing"]
        ["スイッチに設定したパスフレーズまたはコミュニティをそのファイルに置いてください。新しいパスフレーズは `sekisho secret snmp 名前`(ファイル名の . より前)で作れます。", "put the passphrase or community set at the switches into that file; `sekisho secret snmp NAME` (the file name before the dot) makes new passphrases"]
    SnmpSecretUnusable Warning "secret.snmp-unusable"
        ["`{path}` を使えないため、プロファイル {profile} のスイッチの表を読めません。", "the tables of switches of profile {profile} cannot be read: `{path}` cannot be used"]
        ["印字できる ASCII の一語(SNMPv3 のパスフレーズは {min} 文字以上)を書いてください。", "write one word of printable ASCII; a passphrase of SNMPv3 has at least {min} characters"]
    MabWordAbsent Warning "secret.mab-word-absent"
        ["MAC 認証の固定パスワードが無いスイッチが {count} 台あります({paths})。", "switches without their fixed word of MAC authentication: {count} ({paths})"]
        ["スイッチに設定した固定パスワードをそのファイルに置いてください。", "put the fixed word set at the switch into that file"]
    SecretShort Error "secret.too-short"
        ["鍵が短すぎます({length} 文字)。", "the secret is too short ({length} characters)"]
        ["{min} 文字以上の無作為な鍵にしてください。", "use a random secret of at least {min} characters"]
    SecretWeak Error "secret.weak"
        ["よく知られた鍵、または文字の種類が少なすぎる鍵です。", "the secret is a well-known example or has too little variety"]
        ["無作為に作った鍵に替えてください。", "replace it by a random one"]
    SecretCharacters Error "secret.characters"
        ["鍵に空白や印字できない文字が含まれています。", "the secret holds white space or characters that cannot be printed"]
        ["印字できる ASCII 文字だけの鍵にしてください。末尾の改行はあっても構いません。", "use printable ASCII only; a newline at the end does no harm"]
    SecretShared Error "secret.shared"
        ["`{other}` と同じ鍵です。", "the same secret is in `{other}`"]
        ["スイッチごとに別の鍵にしてください。", "give every switch a secret of its own"]
    SecretNextSame Warning "secret.next-is-current"
        ["次の鍵が今の鍵と同じです。", "the next secret is the current one"]
        ["新しい鍵を置くか、切替えが済んだなら `.next` を消してください。", "put a new one there, or delete the `.next` file when the change is done"]
    CredentialAbsent Warning "credential.absent"
        ["`{path}` がありません。", "`{path}` is missing"]
        ["ファイルを置いてください。`serve` はこれ無しでは始まりません。", "put the file there; `serve` does not start without it"]
    CertificateUnreadable Error "credential.unreadable-certificate"
        ["証明書を読めません。", "the certificate cannot be read"]
        ["PEM 形式の証明書を置いてください。", "put the certificate there as PEM"]
    KeyUnreadable Error "credential.unreadable-key"
        ["秘密鍵を読めません。", "the private key cannot be read"]
        ["PKCS #8、PKCS #1 または SEC 1 の PEM 形式で、パスフレーズの無い鍵を置いてください。", "put a PEM key in PKCS #8, PKCS #1 or SEC 1 there, without a passphrase"]
    KeyMismatch Error "credential.key-mismatch"
        ["秘密鍵が `{other}` の証明書と対になっていません。", "the private key does not belong to the certificate in `{other}`"]
        ["証明書と対になる鍵を置いてください。", "put the key that belongs to the certificate there"]
    ServerNameAbsent Error "credential.server-name"
        ["サーバー証明書に名前 `{name}` がありません。", "the server certificate does not carry the name `{name}`"]
        ["config/server.toml の eap.server_name を直すか、その名前の証明書を発行してください。", "mend eap.server_name in config/server.toml, or issue a certificate with that name"]
    NotAuthority Error "credential.not-an-authority"
        ["この証明書は認証局のものではありません。", "the certificate is not one of an authority"]
        ["認証局(CA)の証明書を置いてください。", "put the certificate of the authority (CA) there"]
    CertificateExpired Warning "credential.certificate-expired"
        ["証明書の期限が {until} に切れました。", "the certificate expired at {until}"]
        ["新しい証明書に替えてください。それまで証明書による接続は失敗します。", "replace it; until then admission by certificate fails"]
    CertificateExpiring Warning "credential.certificate-expiring"
        ["証明書の期限があと {days} 日で切れます。", "the certificate expires in {days} days"]
        ["早めに新しい証明書に替えてください。", "replace it in time"]
    CertificateNotYet Warning "credential.certificate-not-yet"
        ["証明書は {from} まで有効になりません。", "the certificate is not valid before {from}"]
        ["日付とこの機械の時計を確認してください。", "check the date and this machine's clock"]
    CrlAbsent Warning "credential.crl-absent"
        ["認証局 {authority} の失効リスト `{path}` がありません。失効を確かめられない証明書は拒まれます。", "the revocation list `{path}` of authority {authority} is missing; certificates whose revocation is unknown are refused"]
        ["失効リストを発行して置いてください。", "issue the list and put it there"]
    CrlUnreadable Error "credential.unreadable-crl"
        ["失効リストを読めません。", "the revocation list cannot be read"]
        ["PEM か DER の失効リストを置いてください。", "put the list there as PEM or DER"]
    CrlForeign Error "credential.foreign-crl"
        ["失効リストの発行者が認証局 {authority} ではありません。", "the revocation list was not issued by authority {authority}"]
        ["その認証局が発行したリストを置いてください。", "put the list that this authority issued there"]
    CrlStale Warning "credential.stale-crl"
        ["失効リストの更新期限が {until} に過ぎました。", "the revocation list was due to be renewed at {until}"]
        ["新しい失効リストを発行して置いてください。", "issue a new list and put it there"]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::vocabulary::Language;

    #[test]
    fn ids_are_unique_and_texts_want_the_same_facts() {
        let mut ids = BTreeSet::new();
        for kind in FindingKind::ALL {
            assert!(ids.insert(kind.id()), "{} is used twice", kind.id());
            for text in [kind.text(), kind.remedy()] {
                let facts = |language| text.wants(language).collect::<BTreeSet<_>>();
                assert_eq!(facts(Language::Japanese), facts(Language::English), "{}", kind.id());
            }
        }
    }
}
