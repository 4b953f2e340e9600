//! The host in a browser: Chromium, driven by WebDriver. Never skipped: what
//! is missing on the machine is a failure that says what to do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Shop, agent};

/// The program, or another one in the variable of this name.
fn program(variable: &str, default: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| default.to_owned())
}

/// A browser with nothing in it, and one window.
struct Browser {
    driver: Child,
    /// Where its session is.
    url: String,
    agent: ureq::Agent,
    _profile: TempDir,
}

impl Browser {
    fn open() -> Self {
        let chromium = program("CHROMIUM", "chromium");
        let found = Command::new(&chromium)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(
            found.is_ok_and(|status| status.success()),
            "Chromium is needed for the tests in a browser, and `{chromium}` does not start: install chromium and \
             chromium-driver, or set CHROMIUM to its path"
        );
        let chromedriver = program("CHROMEDRIVER", "chromedriver");
        let mut driver = Command::new(&chromedriver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "ChromeDriver is needed for the tests in a browser, and `{chromedriver}` does not start: install \
                     chromium-driver, or set CHROMEDRIVER to its path: {error}"
                )
            });
        let mut said = BufReader::new(driver.stdout.take().unwrap());
        let mut line = String::new();
        let port: u16 = loop {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "ChromeDriver ended");
            let port = line.trim_end().trim_end_matches('.').rsplit(' ').next();
            if line.contains("started successfully") {
                break port.unwrap().parse().unwrap();
            }
        };
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let profile = TempDir::new().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let mut browser = Self {
            driver,
            url: format!("http://127.0.0.1:{port}/session"),
            agent: agent(),
            _profile: profile,
        };
        let mut arguments = vec![
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        arguments.push(&folder);
        let options = json!({"binary": path_of(&chromium), "args": arguments});
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "timeouts": {"script": 60_000, "pageLoad": 60_000},
            // Prompts and alerts are dismissed.
            "unhandledPromptBehavior": "accept",
        }}});
        let begun = browser.command("", &wanted);
        let id = begun["sessionId"].as_str().unwrap().to_owned();
        browser.url = format!("{}/{id}", browser.url);
        browser
    }

    /// Sends the driver a command; returns its answer.
    fn command(&self, path: &str, what: &Value) -> Value {
        let request = ureq::http::Request::post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(what.to_string())
            .unwrap();
        let mut answer = self.agent.run(request).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let said: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path} {what}: {text}");
        said["value"].clone()
    }

    /// Goes to a page, and waits until it is loaded.
    fn go(&self, url: &str) {
        self.command("/url", &json!({"url": url}));
    }

    /// The result of a script that runs in the page, as if it were the page's own. It
    /// may wait for what it finds.
    fn run(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];\
             (async () => {{ {script} }})().then(done, (error) => done(`${{error.name}}: ${{error.message}}`));"
        );
        self.command("/execute/async", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true in the page.
    fn wait_for(&self, expression: &str) {
        let waited = self.run(&format!(
            "for (let tries = 0; tries < 1500; tries += 1) {{\
                 if ({expression}) return true;\
                 await new Promise((resolve) => setTimeout(resolve, 20));\
             }}\
             return document.body.innerText;"
        ));
        assert_eq!(waited, json!(true), "it never is: {expression}");
    }

    /// Signs the admin in, in this browser. It is on a page of the shop's then.
    fn sign_in(&self, shop: &Shop) {
        self.go(&shop.url("/docs/"));
        let begun = self.run(&format!(
            "const headers = {{authorization: 'Bearer {}'}};\
             const begun = await fetch('/auth/session', {{method: 'POST', headers}});\
             return begun.status;",
            shop.token
        ));
        assert_eq!(begun, 200);
        let me = "return (await fetch('/admin/users/me')).status;";
        assert_eq!(self.run(me), 200, "the browser sends the cookie");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser as well, which is the driver's child.
        let ended = ureq::http::Request::delete(&self.url).body(()).unwrap();
        let _ = self.agent.run(ended);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The whole path of a program that is looked for as a shell does.
fn path_of(program: &str) -> String {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .map_or_else(|| program.to_owned(), |file| file.display().to_string())
}

/// A foreign server, on a port of its own: every path has this page.
struct Elsewhere {
    port: u16,
}

impl Elsewhere {
    fn serve(content_type: &'static str, body: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // It ends with the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let body = body.clone();
                std::thread::spawn(move || answer(stream, content_type, &body));
            }
        });
        Self { port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

fn answer(mut stream: TcpStream, content_type: &str, body: &str) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
        head.push(byte[0]);
    }
    let length = body.len();
    // A client that has gone needs no answer.
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}

fn keys(shop: &Shop) -> u64 {
    shop.get("/admin/api-keys").value()["count"]
        .as_u64()
        .unwrap()
}

/// Whether a script of the module's ran in the page.
const RAN: &str = "return document.documentElement.getAttribute('data-ran');";

#[test]
fn a_page_of_a_component_has_no_rights_of_its_viewer() {
    let shop = Shop::with_hostile(&[]);
    let browser = Browser::open();
    browser.sign_in(&shop);
    let make = "const made = await fetch('/admin/api-keys', {method: 'POST', \
                headers: {'content-type': 'application/json'}, \
                body: JSON.stringify({title: 'own', type: 'secret'})}); return made.status;";
    assert_eq!(browser.run(make), 200, "a page of the host's own may");
    assert_eq!(keys(&shop), 1);

    for (page, content_type) in [
        ("html", "text/html"),
        ("svg", "image/svg+xml"),
        ("xml", "application/xml"),
    ] {
        let sent = shop.get(&format!("/hostile/{page}"));
        assert!(sent.header("content-type").starts_with(content_type));
        // The same page without the host's headers runs its script.
        let elsewhere = Elsewhere::serve(content_type, sent.body);
        browser.go(&elsewhere.url());
        assert_eq!(browser.run(RAN), "1", "{page}");

        browser.go(&shop.url(&format!("/hostile/{page}")));
        assert_eq!(browser.run(RAN), Value::Null, "{page}");
        let rights = browser.run(
            "const tried = (what) => { try { return String(what()); } catch (error) { return error.name; } };\
             return [self.origin, tried(() => document.cookie), tried(() => localStorage.length), \
             tried(() => indexedDB.open('x') && 'opened')];",
        );
        let denied = json!(["null", "SecurityError", "SecurityError", "SecurityError"]);
        assert_eq!(rights, denied, "{page}");
        // Even if its script ran, it could do no more than a page of elsewhere.
        assert_eq!(browser.run(make), "TypeError: Failed to fetch", "{page}");
        let read = "return (await fetch('/admin/users/me', {credentials: 'include'})).status;";
        assert_eq!(browser.run(read), "TypeError: Failed to fetch", "{page}");
        let blind = "await fetch('/admin/api-keys', {method: 'POST', mode: 'no-cors', credentials: 'include', \
                     body: '{\"title\":\"blind\",\"type\":\"secret\"}'}); return 'sent';";
        assert_eq!(browser.run(blind), "sent", "{page}");
        assert_eq!(keys(&shop), 1, "{page}");
    }
    // JSON, and types that no browser knows, are shown as text.
    for page in ["disguised", "untyped"] {
        browser.go(&shop.url(&format!("/hostile/{page}")));
        assert_eq!(browser.run(RAN), Value::Null, "{page}");
        let shown = browser.run("return document.body.innerText;");
        assert!(
            shown.as_str().unwrap().contains("<script>"),
            "{page}: {shown}"
        );
    }
    assert_eq!(keys(&shop), 1);
    assert_eq!(shop.get("/admin/customers").value()["count"], 0);
}

#[test]
fn the_page_of_the_documentation_runs_no_script_of_a_module() {
    let shop = Shop::with_hostile(&[]);
    let browser = Browser::open();
    browser.sign_in(&shop);
    browser.wait_for("document.querySelectorAll('.opblock').length > 30");
    // Everything that the module says of itself is opened up.
    browser.run(
        "for (const one of document.querySelectorAll('.opblock')) {\
             if (one.textContent.includes('/hostile/html')) one.querySelector('.opblock-summary-control').click();\
         }",
    );
    browser.wait_for(
        "[...document.querySelectorAll('.opblock.is-open .opblock-body')]\
         .some((one) => one.textContent.includes('Described by the module'))",
    );
    browser.wait_for("document.querySelector('.opblock.is-open .parameters')");
    assert_eq!(browser.run(RAN), Value::Null);
    let found = browser.run(
        "const page = document.querySelector('#swagger-ui');\
         const all = [...page.querySelectorAll('*')];\
         return [page.querySelectorAll('script, iframe').length, \
             all.filter((one) => [...one.attributes].some((it) => it.name.startsWith('on'))).length, \
             all.filter((one) => (one.getAttribute('href') || '').startsWith('javascript:')).length];",
    );
    assert_eq!(found, json!([0, 0, 0]));
    // A script that found its way into the page would not run either, wherever it is from.
    for script in [
        "one.src = '/hostile/script';",
        "one.textContent = \"document.documentElement.setAttribute('data-ran', '1')\";",
    ] {
        let outcome = browser.run(&format!(
            "const one = document.createElement('script'); {script}\
             const refused = new Promise((resolve) => \
                 document.addEventListener('securitypolicyviolation', () => resolve('refused'), {{once: true}}));\
             document.body.append(one);\
             return Promise.race([refused, new Promise((resolve) => setTimeout(() => resolve('ran?'), 10000))]);"
        ));
        assert_eq!(outcome, "refused", "{script}");
    }
    assert_eq!(browser.run(RAN), Value::Null);
    assert_eq!(keys(&shop), 0);
}

/// A page with forms that send what a host might take for JSON, or a form.
fn forms(shop: &Shop, key: &str) -> String {
    let form = |id: &str, path: &str, encoding: &str, fields: &[(&str, &str)]| {
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("<input name='{name}' value='{value}'>"))
            .collect();
        format!(
            "<form id={id} method=post enctype='{encoding}' action='{}'>{fields}</form>",
            shop.url(path)
        )
    };
    let encoded = "application/x-www-form-urlencoded";
    [
        form(
            "customer",
            "/admin/customers",
            encoded,
            &[("email", "form@evil.example")],
        ),
        form(
            "key",
            "/admin/api-keys",
            encoded,
            &[("title", "stolen"), ("type", "secret")],
        ),
        form(
            "json",
            "/admin/customers",
            "text/plain",
            &[(
                "{\"email\":\"form@evil.example\",\"metadata\":{\"x\":\"",
                "\"}}",
            )],
        ),
        form(
            "parts",
            "/admin/customers",
            "multipart/form-data",
            &[("email", "form@evil.example")],
        ),
        form(
            "revoke",
            &format!("/admin/api-keys/{key}/revoke"),
            encoded,
            &[],
        ),
        form("session", "/auth/session", encoded, &[]),
    ]
    .concat()
}

/// How a page of elsewhere asks for a customer, with the viewer's cookie.
fn fetch(shop: &Shop, options: &str) -> String {
    format!(
        "const made = await fetch('{}', {{method: 'POST', credentials: 'include', {options} \
         body: JSON.stringify({{email: 'fetch@evil.example'}})}}); return made.type + ' ' + made.status;",
        shop.url("/admin/customers")
    )
}

#[test]
fn a_page_of_another_port_changes_nothing_unless_it_is_listed() {
    let listed = Elsewhere::serve(
        "text/html",
        "<!doctype html><title>listed</title>".to_owned(),
    );
    let origin = listed.url().trim_end_matches('/').to_owned();
    let shop = Shop::with_setting(&format!("cors.origins={origin}"));
    let key = shop.post(
        "/admin/api-keys",
        json!({"title": "kept", "type": "secret"}),
    );
    let key = key.at("/api_key/id");
    let browser = Browser::open();
    browser.sign_in(&shop);
    let other = Elsewhere::serve(
        "text/html",
        format!("<!doctype html><title>other</title>{}", forms(&shop, &key)),
    );
    let unchanged = |after: &str| {
        assert_eq!(shop.get("/admin/customers").value()["count"], 0, "{after}");
        let keys = shop.get("/admin/api-keys").value();
        assert_eq!(
            (&keys["count"], &keys["api_keys"][0]["revoked_at"]),
            (&json!(1), &Value::Null),
            "{after}"
        );
    };
    for form in ["customer", "key", "json", "parts", "revoke", "session"] {
        browser.go(&other.url());
        browser.run(&format!("document.forms['{form}'].submit();"));
        let end = Instant::now() + Duration::from_secs(60);
        let shown = loop {
            let shown =
                browser.run("return document.title === 'other' ? '' : document.body.innerText;");
            if shown != "" {
                break shown.as_str().unwrap().to_owned();
            }
            assert!(Instant::now() < end, "the form {form} is never answered");
        };
        assert!(
            shown.contains("Sec-Fetch-Site: same-site"),
            "{form}: {shown}"
        );
        unchanged(form);
    }
    browser.go(&other.url());
    let (plain, typed) = (
        "mode: 'no-cors',",
        "headers: {'content-type': 'application/json'},",
    );
    assert_eq!(browser.run(&fetch(&shop, plain)), "opaque 0");
    assert_eq!(
        browser.run(&fetch(&shop, typed)),
        "TypeError: Failed to fetch"
    );
    let end = format!(
        "await fetch('{}', {{method: 'DELETE', credentials: 'include'}}); return 'ended';",
        shop.url("/auth/session")
    );
    assert_eq!(browser.run(&end), "TypeError: Failed to fetch");
    unchanged("fetch");

    browser.go(&listed.url());
    assert_eq!(browser.run(&fetch(&shop, typed)), "cors 200");
    assert_eq!(shop.get("/admin/customers").value()["count"], 1);
    browser.go(&shop.url("/docs/"));
    let own = fetch(&shop, typed).replace("fetch@evil.example", "own@shop.example");
    assert_eq!(browser.run(&own), "basic 200");
    assert_eq!(shop.get("/admin/customers").value()["count"], 2);
}
