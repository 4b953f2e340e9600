//! A module whose versions differ in nothing but a mark: a text in their bytes,
//! which the tests write over. It says what a version calls itself, how far its
//! schema goes, where it serves, and what is wrong with it. The setting `break` says
//! what goes wrong with a version later.

#[cfg(target_family = "wasm")]
mod component {
    pub mod bindings {
        wit_bindgen::generate!({
            path: [
                "../../../wit/deps/wasi-config@0.2.0-rc.1",
                "../../../wit/deps/wasi-logging@0.1.0-draft",
                "../../../wit/platform@1.1.0",
                "../../../wit/module@2.0.0",
            ],
            world: "wares:module/module@2.0.0",
            generate_all,
        });
    }

    use bindings::exports::wares::module::http::{self, Header, Request, Response, Route};
    use bindings::exports::wares::module::lifecycle::{self, Description};
    use bindings::exports::wares::module::migrations::{self, Migration};
    use bindings::exports::wares::module::seed;
    use bindings::wares::platform::sql;
    use bindings::wasi::config::store;

    /// `wares-mark:` and then words of the form `key=value`, filled up with spaces.
    static MARK: [u8; 140] =
        *b"wares-mark:version=1.0.0                                                                                                                    ";

    /// The value of a key of the mark.
    fn mark(key: &str) -> Option<String> {
        // Not what the compiler knows, but what stands in the memory.
        let mark = std::hint::black_box(&MARK);
        let text = std::str::from_utf8(mark).ok()?;
        text.strip_prefix("wares-mark:")?
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.to_owned())
    }

    /// A setting by this name and what the mark says after `settings=`, if it says so.
    fn setting(name: &str) -> Option<String> {
        let which = mark("settings")?;
        store::get(&format!("{name}-{which}")).unwrap()
    }

    /// The routes that a setting lists: `METHOD anyone PATH` or `METHOD admin PATH`, a
    /// semicolon between two. The first one has the operation of another setting.
    fn routes_of_settings() -> Vec<Route> {
        let listed = setting("routes").unwrap_or_default();
        let routes = listed.split(';').filter(|route| !route.is_empty());
        let mut routes: Vec<Route> = routes
            .map(|route| {
                let mut words = route.splitn(3, ' ');
                let mut word = || words.next().unwrap_or_default().to_owned();
                Route {
                    method: word(),
                    access: word(),
                    path: word(),
                    headers: Vec::new(),
                    operation: String::new(),
                }
            })
            .collect();
        if let (Some(route), Some(operation)) = (routes.first_mut(), setting("operation")) {
            route.operation = operation;
        }
        routes
    }

    fn name() -> String {
        mark("name").unwrap_or_else(|| "marked".to_owned())
    }

    fn number(key: &str, default: u32) -> u32 {
        mark(key)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    }

    /// Whether the setting `break` names this version and this: `2.0.0 routes`, several
    /// with a comma between them.
    fn breaks(what: &str) -> bool {
        let setting = store::get("break").ok().flatten().unwrap_or_default();
        let this = format!("{} {what}", mark("version").unwrap_or_default());
        setting.split(',').any(|one| one == this)
    }

    struct Marked;

    bindings::export!(Marked with_types_in bindings);

    impl lifecycle::Guest for Marked {
        fn describe() -> Description {
            match mark("bad").as_deref() {
                Some("describe") => _ = recurse(),
                Some("panics") => panic!("as the mark\nsays \u{1b}[2J"),
                Some("panics-at-length") => panic!("as {} says", "x".repeat(10 << 20)),
                Some("tells") => eprintln!("beware \u{9b}2J"),
                _ => {}
            }
            Description {
                name: name(),
                version: match mark("bad").as_deref() {
                    Some("version") => format!("1.0.0-{}", "a".repeat(1000)),
                    _ => mark("version").unwrap_or_default(),
                },
                summary: match mark("bad").as_deref() {
                    Some("summary") => "x".repeat(3 << 20),
                    _ => "Differs in a mark".to_owned(),
                },
            }
        }

        fn check_settings() -> Result<(), Vec<String>> {
            assert!(!breaks("check"), "as the setting says");
            match breaks("settings") {
                true => Err(vec!["break: it is broken".to_owned()]),
                false => Ok(()),
            }
        }
    }

    impl migrations::Guest for Marked {
        fn every(_: String) -> Vec<Migration> {
            let migrations = [
                ("0001_thing", "create table thing (name text not null);"),
                ("0002_colour", "alter table thing add column colour text;"),
                match mark("third").as_deref() {
                    Some("endless") => (
                        "0003_endless",
                        "insert into thing (name) with recursive n (x) as \
                         (select 1 union all select x + 1 from n) select x from n where x < 0;",
                    ),
                    _ => (
                        "0003_broken",
                        "create table other (x); insert into nowhere values (1);",
                    ),
                },
            ];
            if mark("bad").as_deref() == Some("steps") {
                let migration = |number| Migration {
                    name: format!("{number}"),
                    statements: String::new(),
                };
                return (0..1001).map(migration).collect();
            }
            let count = match breaks("steps") {
                true => 3,
                false => number("steps", 1) as usize,
            };
            migrations[..count.min(migrations.len())]
                .iter()
                .map(|(name, statements)| Migration {
                    name: (*name).to_owned(),
                    statements: (*statements).to_owned(),
                })
                .collect()
        }

        fn count_required() -> u32 {
            number("needed", 1)
        }
    }

    impl http::Guest for Marked {
        fn routes() -> Vec<Route> {
            let route = |method: &str, path: &str| Route {
                method: method.to_owned(),
                path: path.to_owned(),
                access: "admin".to_owned(),
                headers: Vec::new(),
                operation: String::new(),
            };
            assert!(!breaks("routes"), "as the setting says");
            let base = mark("at").unwrap_or_else(|| format!("/admin/{}", name()));
            let mut routes = vec![
                route("GET", &base),
                route("POST", &base),
                route("GET", &format!("{base}/long")),
                route("GET", &format!("{base}/bad")),
            ];
            if breaks("collides") {
                routes.push(route("GET", "/admin/customers"));
            }
            routes.extend(mark("route").map(|path| route("GET", &path)));
            routes.extend(routes_of_settings());
            routes[0].headers.extend(mark("header"));
            routes[0].method = mark("method").unwrap_or(routes[0].method.clone());
            routes[0].access = mark("access").unwrap_or(routes[0].access.clone());
            match mark("bad").as_deref() {
                Some("routes") => {
                    routes.extend((0..1000).map(|number| route("GET", &format!("/{number}"))));
                }
                Some("path") => routes[0].path = format!("/{}", "a".repeat(2000)),
                Some("responses") => routes[0].operation = "{\"responses\":{\"500\":3}}".to_owned(),
                _ => {}
            }
            routes
        }

        fn schemas() -> String {
            match mark("bad").as_deref() {
                Some("schemas") => format!("{{\"Much\":[{}0]}}", "0,".repeat(3 << 20)),
                _ => setting("schemas").unwrap_or_default(),
            }
        }

        fn handle(request: Request) -> Response {
            let version = mark("version").unwrap_or_default();
            match (request.route, mark("bad").as_deref()) {
                (0, Some("probe")) | (3, Some("trap")) => panic!("as the mark says"),
                (0, Some("status")) => {
                    let status = number("status", 200).try_into().unwrap_or(u16::MAX);
                    return answer(status, &version, "{\"why\":\"as the\u{9b} mark says\"}");
                }
                (0, Some("answer")) => return answer(200, "two\r\nlines", "{}"),
                (3, Some("500")) => return answer(500, &version, "{}"),
                (3, Some("header")) => return answer(200, "two\r\nlines", "{}"),
                (2, _) => loop {
                    std::hint::black_box(());
                },
                (1, _) | (0, Some("writes")) => {
                    let name = String::from_utf8_lossy(&request.body).into_owned();
                    let waits = |when| {
                        if name.contains(when) {
                            std::thread::sleep(std::time::Duration::from_secs(2));
                        }
                    };
                    waits("before");
                    sql::execute(
                        "insert into thing (name) values ($1)",
                        &[sql::Value::Text(name.clone())],
                    )
                    .unwrap();
                    waits("after");
                }
                _ => {}
            }
            // Read from the memory once more, at the other end of the call.
            let body = format!(
                "{{\"version\":\"{}\",\"things\":{}}}",
                mark("version").unwrap_or_default(),
                things()
            );
            answer(200, &version, &body)
        }
    }

    #[expect(unconditional_recursion, reason = "that is what is wrong with it")]
    #[inline(never)]
    fn recurse() -> u64 {
        1 + std::hint::black_box(recurse())
    }

    fn things() -> i64 {
        let rows = sql::query("select count(*) from thing", &[]).unwrap();
        let cell = rows.data.get(1..9).and_then(|cell| cell.try_into().ok());
        cell.map_or(-1, i64::from_le_bytes)
    }

    fn answer(status: u16, version: &str, body: &str) -> Response {
        Response {
            status,
            headers: vec![Header {
                name: "x-version".to_owned(),
                value: version.to_owned(),
            }],
            body: body.as_bytes().to_vec(),
        }
    }

    impl seed::Guest for Marked {
        fn kinds() -> Vec<seed::Kind> {
            Vec::new()
        }

        fn seed(_: u32, _: u32) -> Result<(), String> {
            Err("nothing grows here".to_owned())
        }
    }
}
