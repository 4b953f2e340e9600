//! Requests of components to other servers: where they may go, with which secrets, and what
//! becomes of events that need one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Shop, WAIT_MAX, listener, text, wait_until, welcome_mail};

/// A request that a server got: its first line, its headers in lower case, its body.
struct Got {
    line: String,
    headers: Vec<String>,
    body: Value,
}

/// A server that answers one request after the other with these statuses, and all further ones
/// with 200.
fn server(statuses: &'static [&'static str]) -> (String, Receiver<Got>) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let (sender, got) = mpsc::channel();
    thread::spawn(move || {
        let mut statuses = statuses.iter();
        for stream in server.incoming().map_while(Result::ok) {
            let request = read(&stream);
            let status = statuses.next().unwrap_or(&"200 OK");
            let answer = format!(
                "HTTP/1.1 {status}\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = (&stream).write_all(answer.as_bytes());
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (url, got)
}

fn read(stream: &TcpStream) -> Got {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let line = lines.remove(0);
    let headers: Vec<String> = lines.iter().map(|line| line.to_lowercase()).collect();
    let length = headers
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    Got {
        line,
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

fn header<'a>(got: &'a Got, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    let mut headers = got.headers.iter();
    headers
        .find_map(|line| line.strip_prefix(&prefix))
        .unwrap_or_default()
}

fn create(shop: &Shop, email: &str) {
    let made = shop.post(
        "/admin/customers",
        json!({"email": email, "first_name": "Ann"}),
    );
    assert_eq!(made.status, 200, "{}", made.body);
}

#[test]
fn a_new_customer_gets_one_mail_though_the_service_fails_at_first() {
    let (url, got) = server(&["503 Service Unavailable", "302 Found"]);
    let settings = [
        format!(
            "modules.welcome-mail.component={}",
            welcome_mail().display()
        ),
        format!(
            "modules.welcome-mail.grants=operations=customer,subscriptions=customer,http=POST:{url}/v1"
        ),
        format!("modules.welcome-mail.config.url={url}/v1/messages"),
        "modules.welcome-mail.secrets.token.value=the token itself".to_owned(),
        format!("modules.welcome-mail.secrets.token.for={url}"),
        "events.retry=0s,0s".to_owned(),
    ];
    let arguments: Vec<&str> = settings
        .iter()
        .flat_map(|setting| ["--set", setting])
        .collect();
    let shop = Shop::open_with(|command| {
        command.args(&arguments);
    });
    create(&shop, "ann@shop.example");
    for _ in 0..3 {
        let request = got.recv_timeout(WAIT_MAX).unwrap();
        assert_eq!(request.line, "POST /v1/messages HTTP/1.1");
        assert_eq!(header(&request, "authorization"), "bearer the token itself");
        assert_eq!(header(&request, "idempotency-key"), "customer-1");
        assert!(
            header(&request, "user-agent").starts_with("wares/"),
            "{:?}",
            request.headers
        );
        let body = json!({"to": "ann@shop.example", "template": "welcome", "name": "Ann"});
        assert_eq!(request.body, body);
    }
    wait_until("the event is handled", || {
        shop.get("/_wares/events/customer-1")
            .at("/subscribers/0/state")
            == "handled"
    });
    let shown = shop.run(&[&["module", "secrets", "welcome-mail"], &*arguments].concat());
    assert_eq!(text(&shown.stdout), format!("token: for {url}\n"));
    let none = shop.run(&["module", "secrets", "customer"]);
    assert_eq!(
        text(&none.stderr),
        "wares: the settings have no secret of the module customer: one is set as modules.customer.secrets.NAME\n"
    );
    let said = shop.server.stop_for_log();
    assert!(!said.contains("the token itself"), "{said}");
    assert!(said.contains("the mail service answers 503"), "{said}");
}

#[test]
fn a_request_that_is_not_granted_does_not_leave() {
    let (url, got) = server(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ears.wasm");
    std::fs::write(&file, listener("ears")).unwrap();
    for (granted, said) in [
        (
            "http",
            format!(
                "not-granted: POST {url}/ is not granted, which is https://*: grant http={url}"
            ),
        ),
        (
            &*format!("http=GET:{url}"),
            format!(
                "not-granted: POST {url}/ is not granted, which is GET to {url}: grant http={url}"
            ),
        ),
    ] {
        let shop = Shop::open_with(|command| {
            for setting in [
                format!("component={}", file.display()),
                format!("grants=sql,events,subscriptions,{granted}"),
                "config.does=posts".to_owned(),
                format!("config.url={url}/"),
            ] {
                command.args(["--set", &format!("modules.ears.{setting}")]);
            }
            command.args(["--set", "events.retry=1h"]);
        });
        create(&shop, "ann@shop.example");
        wait_until("it has failed", || {
            let failed = shop.get("/_wares/subscribers/ears/deliveries").value();
            failed["deliveries"][0]["attempts"] == 1
        });
        let failed = shop.get("/_wares/subscribers/ears/deliveries").value();
        assert_eq!(failed["deliveries"][0]["error"], said);
    }
    assert!(got.try_recv().is_err());
}

#[test]
fn secrets_and_destinations_that_are_wrong_are_named_at_the_start() {
    for (settings, said) in [
        (
            &["secrets.token.value=x"][..],
            "modules.m.secrets.token.value is of a secret that is for no destination: set its `for`",
        ),
        (
            &["secrets.token.for=https://a.example"],
            "modules.m.secrets.token.for is of a secret without value, env and file",
        ),
        (
            &[
                "secrets.token.value=x",
                "secrets.token.file=y",
                "secrets.token.for=https://a.example",
            ],
            "modules.m.secrets.token.value is of a secret with more than one of value, env and file",
        ),
        (
            &[
                "secrets.token.env=NO_SUCH_VARIABLE",
                "secrets.token.for=https://a.example",
            ],
            "modules.m.secrets.token.env names the environment variable NO_SUCH_VARIABLE, which is not set",
        ),
        (
            &["secrets.token.value=x", "secrets.token.for=a.example"],
            "modules.m.secrets.token.for has 'a.example', which is no destination: 'a.example' is no destination of requests: relative URL without a base; one is [METHOD+METHOD:]http[s]://HOST[:PORT][/PATH]",
        ),
        (
            &["ca_file=/no/such/file"],
            "modules.m.ca_file is '/no/such/file': No such file or directory (os error 2)",
        ),
        (
            &["secrets.token.vlaue=x"],
            "there is no setting modules.m.secrets.token.vlaue: did you mean modules.m.secrets.token.value?",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = crate::harness::wares();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path().join("data"));
        command.current_dir(folder.path());
        for setting in settings {
            command.args(["--set", &format!("modules.m.{setting}")]);
        }
        let refused = command.output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let stderr = text(&refused.stderr);
        assert!(stderr.contains(said), "{said}:\n{stderr}");
    }
}
