//! A module whose extension point is `wares:customer/hooks` of a later minor version, 2.9.0,
//! with a nickname and points of a new customer and a change of the nickname, which no
//! extension of 2.0.0 knows. It asks extensions, and answers with what comes back.

#[cfg(target_family = "wasm")]
mod component {
    mod bindings {
        wit_bindgen::generate!({
            path: [
                "../../../wit/deps/wasi-config@0.2.0-rc.1",
                "../../../wit/deps/wasi-logging@0.1.0-draft",
                "../../../wit/platform@1.2.0",
                "../../../wit/module@2.1.0",
                "wit",
            ],
            inline: "
                package tests:later;
                world later {
                    import wares:customer/hooks@2.9.0;
                    export wares:module/lifecycle@2.1.0;
                    export wares:module/http@2.1.0;
                }
            ",
            world: "tests:later/later",
            generate_all,
        });
    }

    use bindings::exports::wares::module::http::{self, Request, Response, Route};
    use bindings::exports::wares::module::lifecycle::{self, Description};
    use bindings::wares::customer::hooks::{self, Context, Rejection};
    use bindings::wares::customer::types::{CustomerChange, CustomerUpdate, NewCustomer};

    struct Later;

    bindings::export!(Later with_types_in bindings);

    impl lifecycle::Guest for Later {
        fn describe() -> Description {
            Description {
                name: "later".to_owned(),
                version: "1.0.0".to_owned(),
                summary: "Asks extensions".to_owned(),
            }
        }

        fn check_settings() -> Result<(), Vec<String>> {
            Ok(())
        }
    }

    fn context(request: &Request) -> Context {
        Context {
            actor: None,
            request_id: request.request_id.clone(),
            locale: None,
            additional_data: None,
        }
    }

    /// A new customer with this email address, as extensions return it.
    fn create(context: &Context, email: &str) -> Result<String, Rejection> {
        let customer = NewCustomer {
            email: Some(email.to_owned()),
            company_name: None,
            first_name: Some("Ann".to_owned()),
            last_name: None,
            phone: None,
            metadata: None,
            has_account: false,
            created_by: None,
            nickname: Some("Annie".to_owned()),
            points: Some(5),
        };
        let customer = hooks::before_create_customer(context, &customer)?;
        Ok(format!("{customer:?}"))
    }

    /// Changes of which the second is unknown before 2.9.0, as extensions return them.
    fn update(context: &Context) -> Result<String, Rejection> {
        let update = CustomerUpdate {
            id: "cus_1".to_owned(),
            changes: vec![
                CustomerChange::FirstName(Some("Ann".to_owned())),
                CustomerChange::Nickname(Some("Annie".to_owned())),
                CustomerChange::Phone(None),
            ],
        };
        let update = hooks::before_update_customer(context, &update)?;
        Ok(format!("{:?}", update.changes))
    }

    impl http::Guest for Later {
        fn routes() -> Vec<Route> {
            let route = |path: &str| Route {
                method: "GET".to_owned(),
                path: path.to_owned(),
                access: "anyone".to_owned(),
                headers: vec![],
                operation: String::new(),
            };
            vec![
                route("/store/later/create/{email}"),
                route("/store/later/update"),
            ]
        }

        fn schemas() -> String {
            String::new()
        }

        fn handle(request: Request) -> Response {
            let context = context(&request);
            let asked = match request.path_parameters.first() {
                Some(email) => create(&context, email),
                None => update(&context),
            };
            let (status, text) = match asked {
                Ok(text) => (200, text),
                Err(rejection) => (400, format!("{rejection:?}")),
            };
            Response {
                status,
                headers: vec![http::Header {
                    name: "content-type".to_owned(),
                    value: "text/plain; charset=utf-8".to_owned(),
                }],
                body: text.into_bytes(),
            }
        }
    }
}
