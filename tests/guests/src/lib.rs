//! A module that does what no module should: each of its routes breaks one
//! rule. The host has to stay what it was.

#[cfg(target_family = "wasm")]
mod deeds;
#[cfg(target_family = "wasm")]
mod operations;
#[cfg(target_family = "wasm")]
mod pages;

/// Whether asking for memory never comes to an end.
#[cfg(target_family = "wasm")]
static SPINS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

#[cfg(target_family = "wasm")]
mod allocator {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::sync::atomic::Ordering;

    struct Spinning;

    #[global_allocator]
    static ALLOCATOR: Spinning = Spinning;

    // SAFETY: it is the system's, when it comes to an end.
    unsafe impl GlobalAlloc for Spinning {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            while super::SPINS.load(Ordering::Relaxed) {
                std::hint::black_box(());
            }
            // SAFETY: what holds for this holds for that.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
            // SAFETY: it is from the same.
            unsafe { System.dealloc(memory, layout) }
        }
    }
}

#[cfg(target_family = "wasm")]
mod component {
    pub mod bindings {
        wit_bindgen::generate!({
            path: [
                "../../wit/deps/wasi-config@0.2.0-rc.1",
                "../../wit/deps/wasi-logging@0.1.0-draft",
                "../../wit/platform@1.1.0",
                "../../wit/module@2.0.0",
            ],
            world: "wares:module/module@2.0.0",
            generate_all,
        });
    }

    use bindings::exports::wares::module::http::{self, Request, Route};
    use bindings::exports::wares::module::lifecycle::{self, Description};
    use bindings::exports::wares::module::migrations::{self, Migration};
    use bindings::exports::wares::module::seed;

    pub use bindings::exports::wares::module::http::{Header, Response};

    use crate::deeds::{DEEDS, Deed};
    use crate::operations::DEEDS as OPERATIONS;
    use crate::pages::{self, PAGES, Page};

    struct Hostile;

    bindings::export!(Hostile with_types_in bindings);

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
    }

    impl migrations::Guest for Hostile {
        fn every(_: String) -> Vec<Migration> {
            let migration = |name: &str, statements: &str| Migration {
                name: name.to_owned(),
                statements: statements.to_owned(),
            };
            vec![
                migration("0001_thing", "create table thing (name text not null);"),
                migration("0002_words", crate::operations::WORDS),
            ]
        }

        fn count_required() -> u32 {
            2
        }
    }

    impl http::Guest for Hostile {
        fn routes() -> Vec<Route> {
            let route = |(name, _): &Deed| Route {
                method: "GET".to_owned(),
                path: format!("/hostile/{name}"),
                access: "anyone".to_owned(),
                headers: Vec::new(),
                operation: String::new(),
            };
            let page = |(name, _): &Page| Route {
                method: "GET".to_owned(),
                path: format!("/hostile/{name}"),
                access: "anyone".to_owned(),
                headers: pages::headers(name),
                operation: pages::operation(name),
            };
            let mut routes: Vec<Route> = DEEDS.iter().chain(&OPERATIONS).map(route).collect();
            routes.extend(PAGES.iter().map(page));
            // Where a form or a page of elsewhere could make something.
            routes.push(Route {
                method: "POST".to_owned(),
                ..page(&PAGES[PAGES.len() - 1])
            });
            routes
        }

        fn schemas() -> String {
            String::new()
        }

        fn handle(request: Request) -> Response {
            let place = request.route as usize;
            let deeds = DEEDS.len() + OPERATIONS.len();
            match DEEDS.iter().chain(&OPERATIONS).nth(place) {
                Some((_, deed)) => deed(),
                None => PAGES[(place - deeds).min(PAGES.len() - 1)].1(&request),
            }
        }
    }

    impl seed::Guest for Hostile {
        fn kinds() -> Vec<seed::Kind> {
            Vec::new()
        }

        fn seed(_: u32, _: u32) -> Result<(), String> {
            Err("nothing grows here".to_owned())
        }
    }
}
