//! A component that provides the fields and relations that its setting `fields` names
//! (`NAME.tier` without it), for the entity of its setting `entity` (`customer`), and does
//! what its setting `does` says when it is asked for them. Its name is a mark in its bytes, which the tests write over.

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
                package tests:provider;
                world provider {
                    import wasi:config/store@0.2.0-rc.1;
                    import wares:platform/extended@1.2.0;
                    export wares:module/lifecycle@2.1.0;
                    export wares:module/provider@2.1.0;
                }
            ",
            world: "tests:provider/provider",
            generate_all,
        });
    }

    use bindings::exports::wares::module::lifecycle::{self, Description};
    use bindings::exports::wares::module::provider::{
        self, Asked, Condition, Context, Field, Selected,
    };
    use bindings::wares::platform::extended;
    use bindings::wasi::config::store;

    /// `wares-mark:` and then `name=…`, filled up with spaces.
    static MARK: [u8; 140] =
        *b"wares-mark:name=provider                                                                                                                    ";

    fn name() -> String {
        let mark = std::hint::black_box(&MARK);
        let text = String::from_utf8_lossy(mark);
        let name = text.trim_end().rsplit_once('=').map(|(_, name)| name);
        name.unwrap_or_default().to_owned()
    }

    fn setting(key: &str) -> String {
        store::get(key).ok().flatten().unwrap_or_default()
    }

    struct Provider;

    bindings::export!(Provider with_types_in bindings);

    impl lifecycle::Guest for Provider {
        fn describe() -> Description {
            Description {
                name: name(),
                version: "1.2.3".to_owned(),
                summary: "Provides".to_owned(),
            }
        }

        fn check_settings() -> Result<(), Vec<String>> {
            Ok(())
        }
    }

    /// The values of a field for all ids.
    fn values_of(context: &Context, asked: &Asked, ids: &[String]) -> Vec<String> {
        let last = asked.name.rsplit_once('.').map(|(_, last)| last);
        let value = |id: &String| match last.unwrap_or(&asked.name) {
            // How many ids one call is asked about.
            "page" => ids.len().to_string(),
            "caller" => match &context.actor {
                Some(actor) => format!("\"{}\"", actor.kind),
                None => "null".to_owned(),
            },
            "orders" => format!(
                "[{{\"id\":\"order_of_{id}\",\"fields\":\"{}\"}}]",
                asked.fields.join(" ")
            ),
            _ => format!("\"{} of {id}\"", asked.name),
        };
        ids.iter().map(value).collect()
    }

    impl provider::Guest for Provider {
        fn fields() -> Vec<Field> {
            let schema = |name: &str| match name {
                "orders" => "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}",
                name if name.ends_with("page") => "{\"type\":\"integer\"}",
                _ => "{\"type\":\"string\"}",
            };
            let given = setting("schema");
            let or = |text: String, otherwise: String| match text.is_empty() {
                true => otherwise,
                false => text,
            };
            let names = or(setting("fields"), format!("{}.tier", name()));
            names
                .split_whitespace()
                .map(|name| Field {
                    entity: or(setting("entity"), "customer".to_owned()),
                    name: name.to_owned(),
                    schema: if given.is_empty() {
                        schema(name).to_owned()
                    } else {
                        given.clone()
                    },
                    filterable: name.ends_with("tier"),
                })
                .collect()
        }

        fn values(
            context: Context,
            entity: String,
            asked: Vec<Asked>,
            ids: Vec<String>,
        ) -> Result<Vec<Vec<String>>, String> {
            let all = asked.iter().map(|asked| values_of(&context, asked, &ids));
            let mut all: Vec<Vec<String>> = all.collect();
            match setting("does").as_str() {
                "traps" => panic!("it provides no more"),
                "spins" => loop {
                    std::hint::black_box(());
                },
                "says no" => return Err("it cannot be read".to_owned()),
                "returns too few" => drop(all[0].pop()),
                "returns too many fields" => all.push(Vec::new()),
                "returns megabytes" => {
                    let mut text = String::with_capacity(10 << 20);
                    text.push('"');
                    text.extend(std::iter::repeat_n('x', 9 << 20));
                    text.push('"');
                    all[0][0] = text;
                }
                "returns no JSON" => all[0][0] = "{\"a\":}".to_owned(),
                "returns another type" => all[0][0] = "[]".to_owned(),
                "returns null" => all[0][0] = "null".to_owned(),
                "asks about it itself" => {
                    let paths = [asked[0].name.clone()];
                    let members = extended::values(&context, &entity, &paths, &ids, false);
                    all[0][0] = format!("\"{}\"", members.len());
                }
                _ => {}
            }
            Ok(all)
        }

        fn select(
            _: Context,
            _: String,
            name: String,
            conditions: Vec<Condition>,
            limit: u32,
        ) -> Result<Selected, String> {
            match setting("does").as_str() {
                "traps" => panic!("it selects no more"),
                "selects many" => {
                    return Ok(Selected::Ids(
                        (0..limit).map(|id| format!("cus_{id}")).collect(),
                    ));
                }
                _ => {}
            }
            let (mut ids, mut all_but) = (Vec::new(), false);
            for condition in conditions {
                all_but = condition.operator == "nin";
                if !all_but && condition.operator != "in" {
                    return Err(format!("it has no operator {}", condition.operator));
                }
                let beginning = format!("{name} of ");
                let values = condition.values.iter();
                ids.extend(
                    values.filter_map(|value| Some(value.strip_prefix(&beginning)?.to_owned())),
                );
            }
            Ok(match all_but {
                true => Selected::AllBut(ids),
                false => Selected::Ids(ids),
            })
        }
    }
}
