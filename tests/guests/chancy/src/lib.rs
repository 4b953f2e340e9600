//! A module whose answers depend on time and chance: one route returns all that it sees of
//! them, another fails once in a while, and a third fails with 10 MiB of text.

#[cfg(target_family = "wasm")]
mod component {
    mod bindings {
        wit_bindgen::generate!({
            path: [
                "../../../wit/deps/wasi-config@0.2.0-rc.1",
                "../../../wit/deps/wasi-logging@0.1.0-draft",
                "../../../wit/platform@1.2.0",
                "../../../wit/module@2.1.0",
            ],
            inline: "
                package tests:chancy;
                world chancy {
                    import wares:platform/sql@1.2.0;
                    export wares:module/lifecycle@2.1.0;
                    export wares:module/http@2.1.0;
                }
            ",
            world: "tests:chancy/chancy",
            generate_all,
        });
    }

    use std::hash::{BuildHasher, RandomState};
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    use bindings::exports::wares::module::http::{self, Request, Response, Route};
    use bindings::exports::wares::module::lifecycle::{self, Description};
    use bindings::wares::platform::sql;

    /// One draw of so many fails.
    const FAILS_ONE_OF: u64 = 64;

    struct Chancy;

    bindings::export!(Chancy with_types_in bindings);

    impl lifecycle::Guest for Chancy {
        fn describe() -> Description {
            Description {
                name: "chancy".to_owned(),
                version: "1.0.0".to_owned(),
                summary: "Depends on time and chance".to_owned(),
            }
        }

        fn check_settings() -> Result<(), Vec<String>> {
            Ok(())
        }
    }

    /// A number of the standard library's chance, which is new in each call.
    fn drawn() -> u64 {
        RandomState::new().hash_one(0)
    }

    /// All that the module sees of time and chance.
    fn seen(request: &Request) -> String {
        let began = Instant::now();
        let first = SystemTime::now();
        std::thread::sleep(Duration::from_millis(30));
        let waited = first.elapsed().unwrap_or_default() >= Duration::from_millis(30);
        let since = first.duration_since(UNIX_EPOCH).unwrap_or_default();
        let statement = "select hex(randomblob(4)), strftime('%s', 'now'), random()";
        let of_sql = sql::query(statement, &[]).map(|rows| rows.data);
        format!(
            "{{\"drawn\":\"{}\",\"time\":{},\"took\":{},\"waited\":{waited},\"sql\":\"{of_sql:?}\",\"request\":\"{}\"}}",
            drawn(),
            since.as_nanos(),
            began.elapsed().as_nanos(),
            request.request_id,
        )
    }

    impl http::Guest for Chancy {
        fn routes() -> Vec<Route> {
            let route = |path: &str| Route {
                method: "GET".to_owned(),
                path: path.to_owned(),
                access: "anyone".to_owned(),
                headers: Vec::new(),
                operation: String::new(),
            };
            vec![
                route("/store/chance/seen"),
                route("/store/chance/fails"),
                route("/store/chance/shouts"),
            ]
        }

        fn schemas() -> String {
            String::new()
        }

        fn handle(request: Request) -> Response {
            let body = match request.route {
                0 => seen(&request),
                2 => panic!("{}", "loud ".repeat(2 << 20)),
                _ => {
                    let drawn = drawn() % FAILS_ONE_OF;
                    assert!(drawn != 0, "it drew a zero");
                    "{}".to_owned()
                }
            };
            Response {
                status: 200,
                headers: Vec::new(),
                body: body.into_bytes(),
            }
        }
    }
}
