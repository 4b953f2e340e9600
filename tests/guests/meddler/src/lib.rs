//! An extension of the customers module that does what its setting `does` says when a
//! customer is made, and passes on what it gets at all other hooks. A mark in its bytes,
//! which the tests write over, has its name, and may have a version and what that does.

#[cfg(target_family = "wasm")]
mod component {
    mod bindings {
        wit_bindgen::generate!({
            path: [
                "../../../wit/deps/wasi-config@0.2.0-rc.1",
                "../../../wit/deps/wasi-logging@0.1.0-draft",
                "../../../wit/platform@1.1.0",
                "../../../wit/module@2.0.0",
                "../../../wit/customer@2.0.0",
            ],
            inline: "
                package tests:meddler;
                world meddler {
                    import wasi:config/store@0.2.0-rc.1;
                    import wasi:logging/logging@0.1.0-draft;
                    import wares:customer/customers@2.0.0;
                    export wares:module/lifecycle@2.0.0;
                    export wares:customer/hooks@2.0.0;
                }
            ",
            world: "tests:meddler/meddler",
            generate_all,
        });
    }

    use bindings::exports::wares::customer::hooks::{self, Context, Rejection};
    use bindings::exports::wares::module::lifecycle::{self, Description};
    use bindings::wares::customer::customers::{self, Query};
    use bindings::wares::customer::types::{
        AddressReference, AddressUpdate, CustomerUpdate, GroupUpdate, MembershipChange, NewAddress,
        NewCustomer, NewGroup,
    };
    use bindings::wasi::config::store;
    use bindings::wasi::logging::logging::{self, Level};

    /// `wares-mark:` and then words like `name=…`, filled up with spaces. In a value `_` is a
    /// space.
    static MARK: [u8; 140] =
        *b"wares-mark:name=meddler                                                                                                                     ";

    /// A word of the mark.
    fn mark(key: &str) -> Option<String> {
        let mark = String::from_utf8_lossy(std::hint::black_box(&MARK));
        let (_, words) = mark.split_once(':')?;
        let mut words = words.split_whitespace();
        let value = words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        value.map(|value| value.replace('_', " "))
    }

    fn name() -> String {
        mark("name").unwrap_or_default()
    }

    /// What it does when a customer is made.
    fn deed() -> String {
        let set = || store::get("does").ok().flatten();
        mark("does").or_else(set).unwrap_or_default()
    }

    struct Meddler;

    bindings::export!(Meddler with_types_in bindings);

    impl lifecycle::Guest for Meddler {
        fn describe() -> Description {
            if name() == "early" {
                _ = customers::search(&everyone());
            }
            Description {
                name: name(),
                version: mark("version").unwrap_or_else(|| "1.2.3".to_owned()),
                summary: "Meddles".to_owned(),
            }
        }

        fn check_settings() -> Result<(), Vec<String>> {
            Ok(())
        }
    }

    fn everyone() -> Query {
        Query {
            q: None,
            ids: None,
            email: None,
            has_account: None,
            groups: None,
            created_from: None,
            created_before: None,
            offset: None,
            limit: None,
        }
    }

    fn rejection(context: &Context) -> Rejection {
        let data = context.additional_data.as_deref().unwrap_or_default();
        Rejection {
            message: format!("{} says no{data}", name()),
            field: Some("email".to_owned()),
            code: Some("no".to_owned()),
        }
    }

    impl hooks::Guest for Meddler {
        fn before_create_customer(
            context: Context,
            mut value: NewCustomer,
        ) -> Result<NewCustomer, Rejection> {
            match deed().as_str() {
                "signs" => {
                    let before = value.company_name.take().unwrap_or_default();
                    value.company_name = Some(format!("{before}{};", name()));
                }
                "counts" => {
                    let found = customers::search(&Query {
                        email: value.email.clone(),
                        ..everyone()
                    });
                    let count = found.map_or(99, |page| page.count);
                    value.company_name = Some(format!("{count} before"));
                }
                "counts 10000 times" => {
                    let found = (0..10_000).map(|_| customers::search(&everyone()));
                    let found = found.filter(Result::is_ok).count();
                    value.company_name = Some(format!("{found} times"));
                }
                "says who it is" => {
                    logging::log(Level::Info, "", &format!("this is {}", name()));
                }
                "counts without end" => loop {
                    let found = customers::search(&everyone());
                    std::hint::black_box(found.is_ok());
                },
                "asks for one that is not there" => {
                    let error = customers::retrieve("cus_none").err();
                    value.company_name = error.map(|error| format!("{error:?}"));
                }
                "makes another" => {
                    let made = customers::create(&NewCustomer {
                        email: Some("other@shop.example".to_owned()),
                        ..value.clone()
                    });
                    value.company_name = made.ok().map(|made| made.id);
                }
                "rejects" => return Err(rejection(&context)),
                "rejects at length" => {
                    let message = format!("{} says {}", name(), "no".repeat(5 << 20));
                    return Err(Rejection {
                        message,
                        ..rejection(&context)
                    });
                }
                "traps at length" => panic!("it is {} no more", "x".repeat(10 << 20)),
                "traps" => panic!("it meddles no more"),
                "spins" => loop {
                    std::hint::black_box(());
                },
                "hoards" => {
                    let mut hoard = Vec::new();
                    loop {
                        hoard.push(vec![1_u8; 1024 * 1024]);
                    }
                }
                "makes an account" => value.has_account = true,
                "writes nonsense" => value.metadata = Some("no object".to_owned()),
                "breaks a rule" => value.email = Some("no email".to_owned()),
                _ => {}
            }
            Ok(value)
        }

        fn before_update_customer(
            _: Context,
            value: CustomerUpdate,
        ) -> Result<CustomerUpdate, Rejection> {
            Ok(value)
        }

        fn before_delete_customer(_: Context, value: String) -> Result<String, Rejection> {
            Ok(value)
        }

        fn before_create_address(_: Context, value: NewAddress) -> Result<NewAddress, Rejection> {
            Ok(value)
        }

        fn before_update_address(
            _: Context,
            value: AddressUpdate,
        ) -> Result<AddressUpdate, Rejection> {
            Ok(value)
        }

        fn before_delete_address(
            _: Context,
            value: AddressReference,
        ) -> Result<AddressReference, Rejection> {
            Ok(value)
        }

        fn before_create_group(_: Context, value: NewGroup) -> Result<NewGroup, Rejection> {
            Ok(value)
        }

        fn before_update_group(_: Context, value: GroupUpdate) -> Result<GroupUpdate, Rejection> {
            Ok(value)
        }

        fn before_delete_group(_: Context, value: String) -> Result<String, Rejection> {
            Ok(value)
        }

        fn before_add_members(
            _: Context,
            value: MembershipChange,
        ) -> Result<MembershipChange, Rejection> {
            Ok(value)
        }

        fn before_remove_members(
            _: Context,
            value: MembershipChange,
        ) -> Result<MembershipChange, Rejection> {
            if deed() == "dawdles" {
                for _ in 0..50 {
                    std::hint::black_box(customers::search(&everyone()).is_ok());
                }
            }
            Ok(value)
        }
    }
}
