//! What the hostile module's routes would do to callers by way of HTTP: see what
//! they sent beside the request, plant what their browsers keep, run script on the
//! host's origin. Each is named after its path's last segment.

use crate::component::bindings::exports::wares::module::http::{Header, Request, Response};

/// The last segment of a route's path, and its answer.
pub type Page = (&'static str, fn(&Request) -> Response);

/// What a script of the module's does with the rights of the person who views it, once
/// it runs: it says so in the document, and makes an API key.
macro_rules! script {
    () => {
        "document.documentElement.setAttribute('data-ran', '1');\
         fetch('/admin/api-keys', {method: 'POST', headers: {'content-type': 'application/json'}, \
         body: JSON.stringify({title: 'stolen', type: 'secret'})});"
    };
}

pub const PAGES: [Page; 13] = [
    ("seen", |request| {
        let seen: Vec<String> = request
            .headers
            .iter()
            .map(|header| format!("[{:?},{:?}]", header.name, header.value))
            .collect();
        let body = format!("[{}]", seen.join(","));
        page(200, &[], &body)
    }),
    ("planted", |_| {
        page(
            200,
            &[
                ("Set-Cookie", "connect.sid=planted; Path=/"),
                ("set-cookie", "__Host-connect.sid=planted; Path=/; Secure"),
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Credentials", "true"),
                ("Clear-Site-Data", "\"*\""),
                ("Service-Worker-Allowed", "/"),
                ("Content-Encoding", "gzip"),
                ("Content-Security-Policy", "default-src *"),
                ("Strict-Transport-Security", "max-age=99999999"),
                ("Refresh", "0; url=https://evil.example/"),
                ("WWW-Authenticate", "Basic"),
                ("X-Accel-Redirect", "/etc/passwd"),
                ("X-Request-Id", "forged"),
                ("X-Content-Type-Options", "none"),
                ("Connection", "close, x-total"),
                ("Content-Length", "1"),
                ("ETag", "no tag"),
                ("Last-Modified", "Thu, 26 Nov 2026 10:00:00 GMT"),
                ("Cache-Control", "max-age=60"),
                ("Content-Language", "en"),
                ("Content-Disposition", "inline"),
                ("Link", "</store/next>; rel=next"),
                ("Retry-After", "7"),
                ("X-Total", "3"),
            ],
            "{}",
        )
    }),
    ("many-names", |_| {
        let headers: Vec<Header> = (0..100)
            .map(|number| Header {
                name: format!("unlisted-{number}"),
                value: String::new(),
            })
            .collect();
        Response {
            status: 200,
            headers,
            body: b"{}".to_vec(),
        }
    }),
    ("away", |request| {
        // Where to, the caller says.
        let to = request.query.replace("%20", " ");
        page(303, &[("Location", &to)], "{}")
    }),
    ("no-content", |request| {
        let status = request.query.parse().unwrap_or(500);
        let headers = [("content-type", "text/plain"), ("content-language", "en")];
        page(status, &headers, "not to be sent")
    }),
    ("tagged", |_| page(200, &[("ETag", "\"v1\"")], "{}")),
    ("html", |_| {
        let body = concat!(
            "<!doctype html><html><title>A page</title><p id=p>text</p><script>",
            script!(),
            "</script><img src=x onerror=\"",
            script!(),
            "\"><form method=post action=/admin/customers><input name=email value=form@evil.example></form>",
            "<iframe src=/hostile/html></iframe></html>"
        );
        page(200, &[("content-type", "text/html; charset=utf-8")], body)
    }),
    ("svg", |_| {
        let body = concat!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><text y=\"20\">a picture</text><script><![CDATA[",
            script!(),
            "]]></script></svg>"
        );
        page(200, &[("content-type", "image/svg+xml")], body)
    }),
    ("xml", |_| {
        let body = concat!(
            "<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"><body><p>a page</p><script><![CDATA[",
            script!(),
            "]]></script></body></html>"
        );
        page(200, &[("content-type", "application/xml")], body)
    }),
    // A page that says that it is none: browsers would find out, if they were let.
    ("disguised", |_| {
        let body = concat!(
            "<!doctype html><html><script>",
            script!(),
            "</script></html>"
        );
        page(200, &[("content-type", "application/json")], body)
    }),
    ("untyped", |_| {
        let body = concat!(
            "<!doctype html><html><script>",
            script!(),
            "</script></html>"
        );
        page(200, &[("content-type", "nonsense")], body)
    }),
    ("script", |_| {
        page(200, &[("content-type", "text/javascript")], script!())
    }),
    ("changed", |_| page(200, &[], "{\"changed\":true}")),
];

/// The headers that a page's route asks for.
pub fn headers(name: &str) -> Vec<String> {
    let wanted: &[&str] = match name {
        "seen" => &[
            "Accept",
            "ACCEPT-LANGUAGE",
            "content-type",
            "if-none-match",
            "User-Agent",
            "X-Reader",
            "stripe-signature",
            "x-hub-signature-256",
        ],
        _ => &[],
    };
    wanted.iter().map(|name| (*name).to_owned()).collect()
}

/// What a page's route says of itself, for the page of the documentation.
pub fn operation(name: &str) -> String {
    if name != "html" {
        return String::new();
    }
    let run = script!();
    let html = format!(
        "Described by the module <script>{run}</script><img src=\"x\" onerror=\"{run}\">\
         <svg onload=\"{run}\"></svg><iframe srcdoc=\"<script>{run}</script>\"></iframe>\
         <script src=\"/hostile/script\"></script><a href=\"javascript:{run}\">a link</a> \
         [another](javascript:{run}) <form action=\"/admin/customers\" method=\"post\"><button>go</button></form>"
    );
    let text = format!("{html:?}").replace("\\'", "'");
    format!(
        "{{\"operationId\":{text},\"summary\":{text},\"description\":{text},\"tags\":[{text}],\
         \"externalDocs\":{{\"url\":\"javascript:{run}\",\"description\":{text}}},\
         \"parameters\":[{{\"name\":{text},\"in\":\"query\",\"description\":{text},\
         \"schema\":{{\"type\":\"string\",\"description\":{text},\"default\":{text}}}}}],\
         \"responses\":{{\"200\":{{\"description\":{text}}}}}}}"
    )
}

fn page(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    Response {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| Header {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            })
            .collect(),
        body: body.as_bytes().to_vec(),
    }
}
