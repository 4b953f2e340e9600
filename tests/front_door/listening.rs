//! Where the host listens, and what it says when it serves.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{Server, Shop, data, run, text, wares};

/// The addresses of these that this machine has.
fn present(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut present: Vec<IpAddr> = Vec::new();
    for ip in addresses {
        if !present.contains(ip) && TcpListener::bind((*ip, 0)).is_ok() {
            present.push(*ip);
        }
    }
    present
}

fn loopbacks() -> Vec<IpAddr> {
    present(&["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()])
}

fn health(address: SocketAddr) -> String {
    let mut stream =
        TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_port_alone_is_every_interface_and_a_name_all_its_addresses() {
    let of_localhost: Vec<IpAddr> = "localhost:0"
        .to_socket_addrs()
        .unwrap()
        .map(|address| address.ip())
        .collect();
    for (listen, ips) in [(":0", loopbacks()), ("localhost:0", present(&of_localhost))] {
        let data = data();
        let server = Server::start_on(data.path(), listen, |_| {});
        assert!(!ips.is_empty());
        for ip in ips {
            let answer = health(SocketAddr::new(ip, server.port));
            assert!(answer.ends_with("\r\n\r\nOK"), "{listen} {ip}: {answer}");
        }
        // A command finds the host.
        let address = fs::read_to_string(data.path().join("listening")).unwrap();
        let address: SocketAddr = address.parse().unwrap();
        assert!(address.ip().is_loopback() && address.port() == server.port);
        let listed = run([
            "module".as_ref(),
            "list".as_ref(),
            "--data".as_ref(),
            data.path().as_os_str(),
        ]);
        assert!(listed.status.success(), "{}", text(&listed.stderr));
        assert!(text(&listed.stdout).contains("customer"));
    }
}

#[test]
fn an_address_alone_is_listened_on_alone() {
    let data = data();
    let server = Server::start_on(data.path(), "127.0.0.1:0", |_| {});
    for ip in loopbacks() {
        let connected = TcpStream::connect((ip, server.port)).is_ok();
        assert_eq!(connected, ip.is_ipv4(), "{ip}");
    }
}

#[test]
fn a_busy_port_on_one_address_is_named() {
    let data = data();
    let ip = *loopbacks().last().unwrap();
    let busy = TcpListener::bind((ip, 0)).unwrap();
    let port = busy.local_addr().unwrap().port();
    let every = match ip {
        IpAddr::V4(_) => format!("0.0.0.0:{port}"),
        IpAddr::V6(_) => format!("[::]:{port}"),
    };
    let one = busy.local_addr().unwrap().to_string();
    for (listen, address) in [(format!(":{port}"), every), (one.clone(), String::new())] {
        let ended = run([
            "serve".as_ref(),
            "--listen".as_ref(),
            listen.as_ref(),
            "--data".as_ref(),
            data.path().as_os_str(),
        ]);
        let named = match address.is_empty() {
            true => listen,
            false => format!("{listen}: {address}"),
        };
        let said = format!("wares: cannot listen on {named}: Address already in use");
        let last = text(&ended.stderr).lines().last().unwrap().to_owned();
        assert!(last.starts_with(&said), "{last}");
        assert_eq!(
            (ended.status.code(), text(&ended.stdout)),
            (Some(1), String::new())
        );
    }
}

#[test]
fn with_a_log_in_json_all_output_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = wares()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--set",
            "log.format=json",
            "--data",
        ])
        .arg(folder.path())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut ready).unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let listening = fs::read_to_string(folder.path().join("listening")).unwrap();
    let port = listening.rsplit(':').next().unwrap();
    let url = format!("http://localhost:{port}");
    let password = ready["first_admin"]["password"].as_str().unwrap();
    assert_eq!(
        ready,
        json!({
            "message": format!("Wares serves {url}"),
            "url": url,
            "listening": [listening],
            "version": env!("CARGO_PKG_VERSION"),
            "first_admin": {"email": "admin@wares.localhost", "password": password},
        })
    );
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    let log = text(&ended.stderr);
    assert!(!log.contains(password), "the log has the password");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let serving = lines
        .iter()
        .find(|line| line["fields"]["message"] == "serving");
    assert_eq!(
        serving.unwrap()["fields"],
        json!({"message": "serving", "url": url, "listening": listening, "version": env!("CARGO_PKG_VERSION")})
    );
    // So is why it does not start.
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let mut command = wares();
    command
        .args([
            "serve",
            "--listen",
            &address,
            "--set",
            "log.format=json",
            "--data",
        ])
        .arg(folder.path());
    let ended = command.stdin(Stdio::null()).output().unwrap();
    let log = text(&ended.stderr);
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    let said = last["fields"]["message"].as_str().unwrap();
    assert!(
        said.starts_with(&format!("cannot listen on {address}: ")),
        "{log}"
    );
    assert_eq!(
        (last["level"].as_str(), ended.status.code()),
        (Some("ERROR"), Some(1))
    );
}

#[test]
fn files_that_others_may_open_are_named_with_their_mode() {
    let data = data();
    let mode = |path: &str, mode: u32| {
        let path = data.path().join(path);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    mode("modules", 0o755);
    let compiled = mode("compiled", 0o775);
    let tight = mode("host.db", 0o600);
    let folder = mode("", 0o755);
    let database = mode("modules/customer.db", 0o640);
    let server = Server::start(data.path(), |_| {});
    let log = server.stop_for_log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    let folder = folder.trim_end_matches('/');
    assert_eq!(warnings.len(), 3, "{log}");
    for (warning, mode, wanted) in [
        (warnings[0], "0755", format!("chmod 700 {folder}")),
        (warnings[1], "0640", format!("chmod 600 {database}")),
        (warnings[2], "0775", format!("chmod 700 {compiled}")),
    ] {
        assert!(
            warning.contains(&format!("by its mode {mode}: {wanted}")),
            "{warning}"
        );
    }
    assert!(!log.contains(&tight), "{log}");
    mode("", 0o700);
    mode("compiled", 0o755);
    mode("modules/customer.db", 0o600);
    let server = Server::start(data.path(), |_| {});
    let log = server.stop_for_log();
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn variables_of_kubernetes_do_not_stop_the_start() {
    let data = data();
    let server = Server::start(data.path(), |command| {
        command.env("WARES_SERVICE_HOST", "10.0.0.11");
        command.env("WARES_PORT", "tcp://10.0.0.11:9000");
    });
    let log = server.stop_for_log();
    for variable in ["WARES_SERVICE_HOST", "WARES_PORT"] {
        let mut lines = log.lines();
        let said = format!("is passed over variable=\"{variable}\"");
        assert!(lines.any(|line| line.contains(&said)), "{log}");
    }
    let mut command = wares();
    command.env("WARES_SERVICE_HOSTS", "10.0.0.11");
    command.args(["serve", "--data"]).arg(data.path());
    let ended = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        text(&ended.stderr).starts_with("wares: WARES_SERVICE_HOSTS: there is no setting"),
        "{}",
        text(&ended.stderr)
    );
}

#[test]
fn with_a_trusted_proxy_the_log_names_the_client() {
    for trusted in [true, false] {
        let shop = Shop::open_with(|command| {
            command.args(["--set", &format!("server.trust_forwarded={trusted}")]);
            command.args(["--set", "log.level=info,access=debug"]);
        });
        let forwarded = [("x-forwarded-for", "203.0.113.9, 198.51.100.7")];
        assert_eq!(shop.send("GET", "/docs/x", &forwarded, b"").status, 404);
        let log = shop.server.stop_for_log();
        let line = log.lines().find(|line| line.contains("/docs/x")).unwrap();
        let client = "peer=198.51.100.7 ";
        assert_eq!(line.contains(client), trusted, "{line}");
        assert_eq!(line.contains("peer=127.0.0.1:"), !trusted, "{line}");
    }
}

#[test]
fn the_root_names_the_host_and_its_documents() {
    let shop = Shop::open();
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let page = shop.send("GET", "/", &browser, b"");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    for link in ["/docs/", "/openapi.json", "/health"] {
        assert!(page.body.contains(&format!("href=\"{link}\"")), "{link}");
        assert_eq!(shop.send("GET", link, &browser, b"").status, 200, "{link}");
    }
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    shop.send("GET", "/", &[], b"").is(
        200,
        json!({"name": "Wares", "links": {"docs": "/docs", "openapi": "/openapi.json", "health": "/health"}}),
    );
    let head = shop.send("HEAD", "/", &browser, b"");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    shop.send("POST", "/", &[], b"")
        .refuses(405, "not_allowed", "/ takes GET, HEAD, not POST");
    shop.send("GET", "//", &[], b"")
        .refuses(404, "not_found", "There is no GET //");
    let closed = Shop::with_setting("server.docs=false");
    closed.send("GET", "/", &[], b"").is(
        200,
        json!({"name": "Wares", "links": {"health": "/health"}}),
    );
    assert!(
        !closed
            .send("GET", "/", &browser, b"")
            .body
            .contains("/docs")
    );
}
