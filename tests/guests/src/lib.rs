//! A module that does what no module should: each of its routes breaks one
//! rule. The host has to stay what it was.

#[cfg(target_family = "wasm")]
mod component {
    mod bindings {
        wit_bindgen::generate!({
            path: [
                "../../wit/deps/wasi-config@0.2.0-rc.1",
                "../../wit/deps/wasi-logging@0.1.0-draft",
                "../../wit/platform@1.0.0",
                "../../wit/module@1.0.0",
            ],
            world: "wares:module/module@1.0.0",
            generate_all,
        });
    }

    use bindings::exports::wares::module::http::{
        self, Access, Header, Method, Request, Response, Route,
    };
    use bindings::exports::wares::module::lifecycle::{self, Description, Migration, SqlDialect};
    use bindings::exports::wares::module::seed;
    use bindings::wares::platform::{events, sql};
    use bindings::wasi::config::store;

    struct Hostile;

    bindings::export!(Hostile with_types_in bindings);

    /// The last segment of a route's path, and what it does.
    type Deed = (&'static str, fn() -> Response);

    const DEEDS: [Deed; 16] = [
        ("well", || answer(200, "{\"well\":true}")),
        ("trap", || panic!("a hostile panic")),
        ("spin", || {
            loop {
                std::hint::black_box(());
            }
        }),
        ("sleep", || {
            std::thread::sleep(std::time::Duration::from_secs(60));
            answer(200, "{}")
        }),
        ("doze", || {
            for _ in 0..10_000 {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            answer(200, "{}")
        }),
        ("recurse", || answer(200, &recurse(0).to_string())),
        ("grow", || {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1_u8; 1024 * 1024]);
            }
        }),
        ("flood-log", || {
            for line in 0..100_000 {
                println!("line {line}");
            }
            answer(200, "{}")
        }),
        ("flood-answer", || Response {
            status: 200,
            headers: Vec::new(),
            body: vec![b' '; 40 * 1024 * 1024],
        }),
        ("bad-status", || answer(99, "{}")),
        ("bad-header", || Response {
            status: 200,
            headers: vec![
                Header {
                    name: "x-good".to_owned(),
                    value: "yes".to_owned(),
                },
                Header {
                    name: "x-bad\r\nx-split".to_owned(),
                    value: "1".to_owned(),
                },
                Header {
                    name: "x-bad".to_owned(),
                    value: "1\r\nx-split: 2".to_owned(),
                },
                Header {
                    name: "content-length".to_owned(),
                    value: "1".to_owned(),
                },
                Header {
                    name: "transfer-encoding".to_owned(),
                    value: "chunked".to_owned(),
                },
            ],
            body: b"{}".to_vec(),
        }),
        ("half-written", || {
            let transaction = sql::Transaction::begin().unwrap();
            transaction
                .execute("insert into thing (name) values ('half')", &[])
                .unwrap();
            events::emit(&transaction, "thing.created", "{}").unwrap();
            panic!("in the middle of a transaction")
        }),
        ("things", || {
            let rows = sql::query("select count(*) from thing", &[]).unwrap();
            answer(200, &format!("{{\"things\":{}}}", rows.data[1]))
        }),
        ("hold-writer", || {
            let _transaction = sql::Transaction::begin().unwrap();
            loop {
                std::hint::black_box(());
            }
        }),
        ("attack", || {
            let attacks = [
                "attach 'x.db' as x",
                "pragma journal_mode = delete",
                "select * from _wares_events",
                "delete from _wares_migrations",
                "select * from sqlite_schema",
                "drop table thing",
                "create table other (x)",
                "select load_extension('x')",
                "vacuum into 'x.db'",
            ];
            let refused = attacks.iter().all(|attack| {
                matches!(sql::query(attack, &[]), Err(sql::Error::Invalid(_)))
                    && matches!(sql::execute(attack, &[]), Err(sql::Error::Invalid(_)))
            });
            answer(200, &format!("{{\"refused\":{refused}}}"))
        }),
        ("surroundings", || {
            let variables = std::env::vars().count();
            let settings = store::get_all().map_or(0, |settings| settings.len());
            answer(
                200,
                &format!("{{\"variables\":{variables},\"settings\":{settings}}}"),
            )
        }),
    ];

    fn answer(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[expect(unconditional_recursion, reason = "that is what it is for")]
    #[inline(never)]
    fn recurse(depth: u64) -> u64 {
        let page = std::hint::black_box([depth; 64]);
        recurse(depth + 1) + page[0]
    }

    impl lifecycle::Guest for Hostile {
        fn describe() -> Description {
            Description {
                name: "hostile".to_owned(),
                version: "1.0.0".to_owned(),
                summary: "Does what no module should".to_owned(),
            }
        }

        fn check_settings() -> Result<(), Vec<String>> {
            Ok(())
        }

        fn migrations(_: SqlDialect) -> Vec<Migration> {
            let statements = "create table thing (name text not null);".to_owned();
            vec![Migration {
                name: "0001_thing".to_owned(),
                statements,
            }]
        }
    }

    impl http::Guest for Hostile {
        fn routes() -> Vec<Route> {
            let route = |(name, _): &Deed| Route {
                method: Method::Get,
                path: format!("/hostile/{name}"),
                access: Access::Anyone,
                headers: Vec::new(),
                operation: String::new(),
            };
            DEEDS.iter().map(route).collect()
        }

        fn schemas() -> String {
            String::new()
        }

        fn handle(request: Request) -> Response {
            DEEDS[request.route as usize].1()
        }
    }

    impl seed::Guest for Hostile {
        fn kinds() -> Vec<seed::Kind> {
            Vec::new()
        }

        fn sow(_: u32, _: u32) -> Result<(), String> {
            Err("nothing grows here".to_owned())
        }
    }
}
