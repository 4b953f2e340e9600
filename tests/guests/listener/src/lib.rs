//! A component that takes the events of its setting `names` (all without it), writes each
//! into its table, and does what its setting `does` says meanwhile. `GET /store/NAME` lists
//! what it wrote. Its name is a mark in its bytes, which the tests write over.

#[cfg(target_family = "wasm")]
mod component {
    mod bindings {
        wit_bindgen::generate!({
            path: [
                "../../../wit/deps/wasi-config@0.2.0-rc.1",
                "../../../wit/deps/wasi-logging@0.1.0-draft",
                "../../../wit/platform@1.3.0",
                "../../../wit/module@2.2.0",
            ],
            inline: "
                package tests:listener;
                world listener {
                    import wasi:config/store@0.2.0-rc.1;
                    import wares:platform/sql@1.3.0;
                    import wares:platform/events@1.3.0;
                    import wares:platform/http@1.3.0;
                    export wares:module/lifecycle@2.2.0;
                    export wares:module/migrations@2.2.0;
                    export wares:module/http@2.2.0;
                    export wares:module/subscriber@2.2.0;
                }
            ",
            world: "tests:listener/listener",
            generate_all,
        });
    }

    use bindings::exports::wares::module::http::{self as routes, Request, Response, Route};
    use bindings::exports::wares::module::lifecycle::{self, Description};
    use bindings::exports::wares::module::migrations::{self, Migration};
    use bindings::exports::wares::module::subscriber::{self, Event};
    use bindings::wares::platform::sql::{self, Transaction, Value};
    use bindings::wares::platform::{events, http};
    use bindings::wasi::config::store;

    /// `wares-mark:` and then `name=…`, filled up with spaces.
    static MARK: [u8; 140] =
        *b"wares-mark:name=listener                                                                                                                    ";

    fn name() -> String {
        let mark = std::hint::black_box(&MARK);
        let text = String::from_utf8_lossy(mark);
        let name = text.trim_end().rsplit_once('=').map(|(_, name)| name);
        name.unwrap_or_default().to_owned()
    }

    fn setting(key: &str) -> String {
        store::get(key).ok().flatten().unwrap_or_default()
    }

    struct Listener;

    bindings::export!(Listener with_types_in bindings);

    impl lifecycle::Guest for Listener {
        fn describe() -> Description {
            Description {
                name: name(),
                version: "1.2.3".to_owned(),
                summary: "Listens".to_owned(),
            }
        }

        fn check_settings() -> Result<(), Vec<String>> {
            Ok(())
        }
    }

    impl migrations::Guest for Listener {
        fn every(_: String) -> Vec<Migration> {
            let statements = "create table got (
                number integer primary key autoincrement, id text not null, name text not null, key text not null,
                attempt integer not null) strict;
                create table tried (id text primary key, times integer not null) strict;";
            vec![Migration {
                name: "0001_got".to_owned(),
                statements: statements.to_owned(),
            }]
        }

        fn count_required() -> u32 {
            1
        }
    }

    /// Keeps what it got, and tells of it if it is to.
    fn keep(event: &Event, tells: bool) -> Result<(), String> {
        let said = |error: sql::Error| format!("{error:?}");
        let transaction = Transaction::begin().map_err(said)?;
        let text = |text: &str| Value::Text(text.to_owned());
        let values = [
            text(&event.id),
            text(&event.name),
            text(&format!("{}/{}", event.entity, event.key)),
            Value::Integer(event.attempt.into()),
        ];
        let insert = "insert into got (id, name, key, attempt) values ($1, $2, $3, $4)";
        transaction.execute(insert, &values).map_err(said)?;
        if tells {
            let data = format!("{{\"id\":\"{}\"}}", event.key);
            events::emit(&transaction, &event.name, &data).map_err(said)?;
        }
        Transaction::commit(transaction).map_err(said)
    }

    /// Sends the event to a server.
    fn posted(url: &str, event: &Event) -> Result<(), String> {
        let request = http::Request {
            method: "POST".to_owned(),
            url: url.to_owned(),
            headers: vec![http::Header {
                name: "idempotency-key".to_owned(),
                value: event.id.clone(),
            }],
            body: event.data.clone().into_bytes(),
            timeout_ms: None,
        };
        match http::send(&request) {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) => Err(format!("it answers {}", answer.status)),
            Err(error) => Err(format!("{}: {}", error.code, error.message)),
        }
    }

    impl subscriber::Guest for Listener {
        fn names() -> Vec<String> {
            match setting("names").as_str() {
                "" => vec!["*".to_owned()],
                names => names.split_whitespace().map(str::to_owned).collect(),
            }
        }

        fn handle(event: Event) -> Result<(), String> {
            let does = setting("does");
            let of = setting("of");
            if !of.is_empty() && !event.data.contains(&of) {
                return keep(&event, false);
            }
            match does.as_str() {
                "fails" => Err(format!("it does not like {}", event.name)),
                "traps" => panic!("it listens no more"),
                "spins" => loop {
                    std::hint::black_box(());
                },
                "fails the first time" if event.attempt == 1 => Err("not yet".to_owned()),
                "keeps and fails" => {
                    keep(&event, false)?;
                    Err("after all".to_owned())
                }
                "tells" => keep(&event, true),
                "posts" => {
                    posted(&setting("url"), &event)?;
                    keep(&event, false)
                }
                _ => keep(&event, false),
            }
        }
    }

    impl routes::Guest for Listener {
        fn routes() -> Vec<Route> {
            vec![Route {
                method: "GET".to_owned(),
                path: format!("/store/{}", name()),
                access: "anyone".to_owned(),
                headers: Vec::new(),
                operation: String::new(),
            }]
        }

        fn schemas() -> String {
            String::new()
        }

        fn handle(_: Request) -> Response {
            let list = "select coalesce(group_concat(id || ' ' || name || ' ' || key || ' ' || attempt, char(10)), '')
                from (select * from got order by number)";
            let (status, body) = match sql::query(list, &[]) {
                // The one text of the one row: its kind, its length in four bytes, itself.
                Ok(rows) => (200, rows.data.get(5..).unwrap_or_default().to_vec()),
                Err(error) => (500, format!("{error:?}").into_bytes()),
            };
            Response {
                status,
                headers: Vec::new(),
                body,
            }
        }
    }
}
