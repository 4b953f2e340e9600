//! A shop: a server on a data folder of its own, and requests to it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::{Answer, EMAIL, PASSWORD, Server, WAIT_MAX, data, hostile_guest, wares};

/// A shop: a server, its data, and an admin who is signed in.
pub struct Shop {
    pub server: Server,
    pub data: TempDir,
    pub agent: ureq::Agent,
    pub token: String,
    /// The admin's id.
    pub admin: String,
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(WAIT_MAX))
        .build()
        .into()
}

impl Shop {
    /// A shop with nothing in it.
    pub fn open() -> Self {
        Self::open_with(|_| {})
    }

    /// The same with a setting.
    pub fn with_setting(setting: &str) -> Self {
        Self::open_with(|command| {
            command.args(["--set", setting]);
        })
    }

    /// The same, set up by the caller.
    pub fn open_with(set_up: impl FnOnce(&mut Command)) -> Self {
        Self::open_on(data(), set_up)
    }

    /// A shop beside whose module the hostile guest runs, with settings.
    pub fn with_hostile(settings: &[&str]) -> Self {
        Self::open_with(|command| {
            let component = format!("modules.hostile.component={}", hostile_guest().display());
            command.args(["--set", &component]);
            command.args(["--set", "modules.hostile.path_prefixes=/hostile"]);
            for setting in settings {
                command.args(["--set", setting]);
            }
        })
    }

    /// A shop on a data folder.
    pub fn open_on(data: TempDir, set_up: impl FnOnce(&mut Command)) -> Self {
        let server = Server::start(data.path(), set_up);
        let mut shop = Self {
            server,
            data,
            agent: agent(),
            token: String::new(),
            admin: String::new(),
        };
        shop.token = shop.sign_in(EMAIL, PASSWORD);
        let me = shop.get("/admin/users/me");
        shop.admin = me.at("/user/id");
        shop
    }

    /// The audit entries, newest first: actor, action, digest, outcome and detail.
    pub fn audit_entries(&self, query: &str) -> Vec<Value> {
        let fields = ["actor", "action", "digest", "outcome", "detail"];
        self.audit_fields(query, &fields)
    }

    /// These fields of the audit entries, newest first.
    pub fn audit_fields(&self, query: &str, fields: &[&str]) -> Vec<Value> {
        let answer = self.get(&format!("/_wares/audit{query}")).value();
        let entries = answer["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| fields.iter().map(|field| entry[*field].clone()).collect())
            .collect()
    }

    /// Signs a user in, who must be let in; returns the token.
    #[track_caller]
    pub fn sign_in(&self, email: &str, password: &str) -> String {
        let credentials = serde_json::json!({"email": email, "password": password}).to_string();
        let signed_in = self.send(
            "POST",
            "/auth/user/emailpass",
            &[JSON],
            credentials.as_bytes(),
        );
        assert_eq!(signed_in.status, 200, "{}", signed_in.body);
        signed_in.at("/token")
    }

    /// Runs a command on the shop's data folder.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = wares();
        command
            .current_dir(self.data.path())
            .args(arguments)
            .arg("--data")
            .arg(self.data.path());
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.server.port)
    }

    /// A request with just these headers.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = if body.is_empty() {
            self.agent.run(request.body(()).unwrap()).unwrap()
        } else {
            self.agent
                .run(request.body(body.to_vec()).unwrap())
                .unwrap()
        };
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()));
        Answer {
            status: answer.status().as_u16(),
            headers: headers.collect(),
            body: answer
                .body_mut()
                .with_config()
                .limit(64 << 20)
                .read_to_string()
                .unwrap(),
            admin: self.admin.clone(),
        }
    }

    /// A request of the admin's.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        match body {
            Some(body) => {
                let body = body.to_string();
                self.send(
                    method,
                    path,
                    &[("authorization", &bearer), JSON],
                    body.as_bytes(),
                )
            }
            None => self.send(method, path, &[("authorization", &bearer)], b""),
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, Some(&body))
    }

    /// The value of the sample of `/metrics` with this name and at least these labels:
    /// `name{label="…",label="…"}`.
    pub fn metric(&self, metric: &str) -> u64 {
        let text = self.get("/metrics").body;
        let parts = |sample: &str| {
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            let labels = labels.trim_end_matches('}').split(',');
            let labels = labels.filter(|label| !label.is_empty());
            (
                name.to_owned(),
                labels.map(str::to_owned).collect::<Vec<_>>(),
            )
        };
        let (name, labels) = parts(metric);
        let value = text.lines().find_map(|line| {
            let (sample, value) = line.rsplit_once(' ')?;
            let (other, all) = parts(sample);
            (other == name && labels.iter().all(|label| all.contains(label))).then_some(value)
        });
        value
            .unwrap_or_else(|| panic!("the metric {metric} is missing:\n{text}"))
            .parse()
            .unwrap()
    }

    /// Waits until so many calls of a module run.
    pub fn until_running(&self, module: &str, calls: u64) {
        let metric = format!("wares_module_calls_running{{module=\"{module}\"}}");
        let end = Instant::now() + WAIT_MAX;
        while self.metric(&metric) != calls {
            assert!(Instant::now() < end, "there are never {calls} calls");
        }
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, None)
    }

    /// Creates a customer; returns its id.
    pub fn customer(&self, email: &str) -> String {
        let made = self.post("/admin/customers", serde_json::json!({"email": email}));
        assert_eq!(made.status, 200, "{}", made.body);
        made.at("/customer/id")
    }

    /// Creates a group; returns its id.
    pub fn group(&self, name: &str) -> String {
        let made = self.post("/admin/customer-groups", serde_json::json!({"name": name}));
        assert_eq!(made.status, 200, "{}", made.body);
        made.at("/customer_group/id")
    }

    /// Creates an address with a city; returns its id.
    pub fn address(&self, customer: &str, city: &str) -> String {
        let body = serde_json::json!({"address_1": "1 Main St", "city": city, "postal_code": "1", "country_code": "us"});
        let made = self.post(
            &format!("/admin/customers/{customer}/addresses?fields=addresses.id,addresses.city"),
            body,
        );
        assert_eq!(made.status, 200, "{}", made.body);
        let addresses = made.value()["customer"]["addresses"]
            .as_array()
            .unwrap()
            .clone();
        addresses.last().unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// A raw exchange over TCP: what is sent, and all that comes until the server closes.
    pub fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.server.port)).unwrap();
        stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// The header of a JSON body.
pub const JSON: (&str, &str) = ("content-type", "application/json");
