//! What makes a PC look its label up: a start page and a proxy autoconfiguration file of its own.

/// How often the start page is loaded again, in seconds.
const AGAIN_S: u32 = 300;

/// A start page. The browser looks the label up and fetches an image by it, each time anew; the
/// inside web server answers with any image, or none. Nothing else on the page may name the label,
/// and no link is made of it, lest it be copied.
#[must_use]
pub fn start_page(zone: &str, label: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"ja\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"refresh\" content=\"{AGAIN_S}\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <link rel=\"dns-prefetch\" href=\"//{label}.{zone}\">\n<title>start</title>\n</head>\n\
         <body>\n<img src=\"http://{label}.{zone}/\" width=\"1\" height=\"1\" alt=\"\">\n</body>\n\
         </html>\n"
    )
}

/// A proxy autoconfiguration file whose function looks the label up and goes on as `otherwise`
/// says, a list of proxies or `DIRECT`.
#[must_use]
pub fn autoconfiguration(zone: &str, label: &str) -> String {
    format!(
        "function FindProxyForURL(url, host) {{\n  dnsResolve(\"{label}.{zone}\");\n  return \"DIRECT\";\n}}\n"
    )
}
