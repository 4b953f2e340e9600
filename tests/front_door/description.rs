//! A component's description of its API, as far as it reaches the document: the fields that
//! describe an operation, and nothing that refers elsewhere or belongs to another.

use serde_json::{Value, json};

use crate::harness::{Answer, Shop, data, marked};

const ROUTES: &str = "POST anyone /store/reviews/{id};GET anyone /store/Reviews/{review}";

/// A shop that serves version 1.0.0 of the module, and these descriptions for others: of
/// the first route, and of the schemas.
fn shop(descriptions: &[(Value, Value)]) -> Shop {
    let data = data();
    let file = data.path().join("modules/marked.wasm");
    std::fs::write(file, marked("version=1.0.0")).unwrap();
    Shop::open_on(data, |command| {
        for (number, (operation, schemas)) in descriptions.iter().enumerate() {
            for (name, value) in [
                ("routes", ROUTES.to_owned()),
                ("operation", operation.to_string()),
                ("schemas", schemas.to_string()),
            ] {
                let key = format!("modules.marked.config.{name}-{number}");
                command.args(["--set", &format!("{key}={value}")]);
            }
        }
    })
}

fn put(shop: &Shop, number: usize) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/wasm"),
    ];
    let bytes = marked(&format!("version=2.0.0 settings={number}"));
    let path = "/_wares/modules/marked?activate=true";
    shop.send("PUT", path, &headers, &bytes)
}

fn document(shop: &Shop) -> Value {
    shop.send("GET", "/openapi.json", &[], b"").value()
}

/// An operation that says all that one may say, and much that it may not.
fn everything() -> Value {
    let elsewhere = json!({"url": "https://evil.example", "description": "Sign in here"});
    let media = |schema: Value| {
        json!({
            "schema": schema,
            "example": {"id": 1, "$ref": "https://evil.example/a.json", "of": [{"$ref": 1}]},
            "examples": {"one": {
                "summary": "One", "value": {"servers": [1]}, "externalValue": "https://evil.example/b.json",
            }},
            "encoding": {"a": {"headers": {}}},
            "x-media": 1,
        })
    };
    json!({
        "operationId": "ReviewThing",
        "summary": "Review a thing",
        "description": "At length",
        "tags": ["Reviews", "Host", " hOST"],
        "deprecated": true,
        "servers": [elsewhere],
        "security": [],
        "externalDocs": elsewhere,
        "callbacks": {"done": {"{$request.query.url}": {"post": {"responses": {}}}}},
        "x-code-samples": [{"source": "curl evil.example"}],
        "unknown": true,
        "parameters": [
            {
                "name": "id", "in": "path", "description": "The thing's", "required": false,
                "schema": {"type": "string", "externalDocs": elsewhere}, "x-parameter": 1,
            },
            {"name": "stars", "in": "query", "schema": {"$ref": "#/components/schemas/Stars"}},
        ],
        "requestBody": {
            "required": true,
            "x-body": 1,
            "content": {"application/json": media(json!({
                "type": ["object", "null"],
                "properties": {"servers": {"type": "string"}, "x-name": true, "$ref": {"const": 1}},
                "required": ["servers"],
                "xml": {"namespace": "https://evil.example"},
                "$id": "https://evil.example/schema",
                "$anchor": "here",
                "discriminator": {"propertyName": "a", "mapping": {"b": "#/components/schemas/Stars"}, "x-d": 1},
            }))},
        },
        "responses": {
            "200": {
                "headers": {"x-count": {"schema": {"type": "integer"}, "x-header": 1}},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Stars"}}},
                "links": {
                    "again": {
                        "operationId": "ReviewThing", "parameters": {"id": "$response.body#/id"},
                        "server": elsewhere, "x-link": 1,
                    },
                    "away": {"operationRef": "https://evil.example/openapi.json#/paths/~1a/get"},
                    "others": {"operationId": "SignIn"},
                },
                "x-response": 1,
            },
            "4XX": {"description": "Refused", "content": {"application/json": {"schema": {
                "$ref": "#/components/schemas/Error",
            }}}},
            "default": {"description": "Anything else"},
        },
    })
}

#[test]
fn only_descriptive_fields_of_an_operation_reach_the_document() {
    let schemas = json!({
        "Stars": {
            "type": "integer", "minimum": 1, "maximum": 5, "externalDocs": {"url": "https://evil.example"},
            "$schema": "https://evil.example/dialect", "$defs": {"a": {}}, "x-schema": 1,
        },
        "Anything": true,
    });
    let shop = shop(&[(everything(), schemas)]);
    let before = document(&shop);
    let answer = put(&shop, 0);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut after = document(&shop);
    let error = |status: &str| json!({"$ref": format!("#/components/responses/{status}")});
    let media = json!({
        "schema": {
            "type": ["object", "null"],
            "properties": {"servers": {"type": "string"}, "x-name": true, "$ref": {"const": 1}},
            "required": ["servers"],
            "discriminator": {"propertyName": "a", "mapping": {"b": "#/components/schemas/Stars"}},
        },
        "example": {"id": 1, "of": [{}]},
        "examples": {"one": {"summary": "One", "value": {"servers": [1]}}},
    });
    assert_eq!(
        after["paths"]["/store/reviews/{id}"],
        json!({
            "parameters": [
                {"name": "id", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}},
            ],
            "post": {
                "operationId": "ReviewThing",
                "summary": "Review a thing",
                "description": "At length",
                "tags": ["Reviews"],
                "deprecated": true,
                "parameters": [
                    {"name": "id", "in": "path", "description": "The thing's", "required": true, "schema": {"type": "string"}},
                    {"name": "stars", "in": "query", "schema": {"$ref": "#/components/schemas/Stars"}},
                ],
                "requestBody": {"required": true, "content": {"application/json": media}},
                "security": [],
                "responses": {
                    "200": {
                        "description": "",
                        "headers": {"x-count": {"schema": {"type": "integer"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Stars"}}},
                        "links": {
                            "again": {"operationId": "ReviewThing", "parameters": {"id": "$response.body#/id"}},
                        },
                    },
                    "400": error("400"),
                    "403": error("403"),
                    "408": error("408"),
                    "413": error("413"),
                    "415": error("415"),
                    "431": error("431"),
                    "4XX": {"description": "Refused", "content": {"application/json": {"schema": {
                        "$ref": "#/components/schemas/Error",
                    }}}},
                    "500": error("500"),
                    "503": error("503"),
                    "default": {"description": "Anything else", "content": {"application/json": {"schema": {
                        "$ref": "#/components/schemas/Error",
                    }}}},
                },
            },
            // Written otherwise, the path is the same.
            "get": {
                "security": [],
                "responses": {
                    "200": {"description": "Done"},
                    "304": error("304"),
                    "400": error("400"),
                    "431": error("431"),
                    "500": error("500"),
                    "503": error("503"),
                },
            },
        })
    );
    let schemas = &after["components"]["schemas"];
    assert_eq!(
        (&schemas["Stars"], &schemas["Anything"]),
        (
            &json!({"type": "integer", "minimum": 1, "maximum": 5}),
            &json!(true)
        )
    );
    // The rest is as it was.
    after["paths"]
        .as_object_mut()
        .unwrap()
        .shift_remove("/store/reviews/{id}");
    let schemas = after["components"]["schemas"].as_object_mut().unwrap();
    schemas.shift_remove("Stars");
    schemas.shift_remove("Anything");
    for part in ["openapi", "servers", "paths", "components"] {
        assert_eq!(after[part], before[part], "{part}");
    }
    assert!(!after.to_string().contains("evil.example"));
}

#[test]
fn a_description_of_the_wrong_type_or_with_anothers_name_is_refused() {
    let of_route = |fault: &str| {
        format!("what it says of the route /store/reviews/{{id}} is no OpenAPI operation: {fault}")
    };
    let of_schemas =
        |fault: &str| format!("what it says of its schemas is not JSON Schema: {fault}");
    let reference = |at: &str, to: &str| {
        format!(
            "{at} refers to '{to}', which is none of the component's schemas \
             (#/components/schemas/NAME) nor #/components/schemas/Error"
        )
    };
    let response = |schema: Value| json!({"responses": {"200": {"content": {"application/json": {"schema": schema}}}}});
    let operations = [
        (json!({"summary": 1}), "#/summary must be text, not 1".to_owned()),
        (json!({"tags": "a"}), "#/tags must be a list of texts, not \\\"a\\\"".to_owned()),
        (json!({"deprecated": "no"}), "#/deprecated must be true or false, not \\\"no\\\"".to_owned()),
        (json!({"parameters": {}}), "#/parameters must be a list, not {}".to_owned()),
        (json!({"parameters": [{"name": "a"}]}), "#/parameters/0 has no 'in'".to_owned()),
        (
            json!({"parameters": [{"name": "a", "in": "body"}]}),
            "#/parameters/0/in must be one of query, header, path, cookie, not \\\"body\\\"".to_owned(),
        ),
        (
            json!({"parameters": [{"name": "a", "in": "query"}, {"name": "a", "in": "query"}]}),
            "two parameters are named 'a'".to_owned(),
        ),
        (
            json!({"parameters": [{"name": "review", "in": "path"}]}),
            "the path has no parameter 'review'".to_owned(),
        ),
        (json!({"parameters": [{"$ref": "#/components/parameters/a"}]}), "#/parameters/0 has no 'name'".to_owned()),
        (json!({"requestBody": {}}), "#/requestBody has no 'content'".to_owned()),
        (json!({"requestBody": {"content": []}}), "#/requestBody/content must be an object, not []".to_owned()),
        (json!({"responses": []}), "#/responses must be an object, not []".to_owned()),
        (json!({"responses": {"999": {}}}), "#/responses/999 is no status".to_owned()),
        (json!({"responses": {"x-a": {}}}), "#/responses/x-a is no status".to_owned()),
        (json!({"responses": {"200": 3}}), "#/responses/200 must be an object, not 3".to_owned()),
        (
            response(json!({"items": {"type": "text"}})),
            "#/responses/200/content/application~1json/schema/items/type must be one of null, boolean, \
             object, array, number, integer, string, or a list of some, not \\\"text\\\""
                .to_owned(),
        ),
        (
            response(json!({"minLength": -1})),
            "#/responses/200/content/application~1json/schema/minLength must be a whole number from 0, not -1"
                .to_owned(),
        ),
    ];
    let mut cases: Vec<(Value, Value, String)> = operations
        .into_iter()
        .map(|(operation, fault)| (operation, json!({}), of_route(&fault)))
        .collect();
    for to in [
        "https://evil.example/schema.json",
        "//evil.example/schema.json",
        "schema.json",
        "#",
        "#/paths",
        "#/components/schemas/Customer",
        "#/components/schemas/Nothing",
        "#/components/schemas/Mine/properties/a",
        "#/components/responses/400",
    ] {
        let at = "#/responses/200/content/application~1json/schema/anyOf/0/$ref";
        cases.push((
            response(json!({"anyOf": [{"$ref": to}]})),
            json!({"Mine": {}}),
            of_route(&reference(at, to)),
        ));
    }
    cases.extend([
        (
            json!({}),
            json!({"Mine": {"properties": {"a": {"$ref": "https://evil.example"}}}}),
            of_schemas(&reference("#/Mine/properties/a/$ref", "https://evil.example")),
        ),
        (json!({}), json!({"Mine": []}), of_schemas("#/Mine must be a JSON Schema, not []")),
        (
            json!({}),
            json!({"my schema": {}}),
            of_schemas("the name 'my schema' is not of letters, digits, - . and _"),
        ),
        (json!({}), json!({"Error": {}}), of_schemas("the schema 'Error' is the host's")),
        (
            json!({}),
            json!({"Customer": {}}),
            "the module marked cannot be served: the module customer has a schema 'Customer' already".to_owned(),
        ),
        (
            json!({"operationId": "SignIn"}),
            json!({}),
            "the module marked cannot be served: the host has an operation 'SignIn' already".to_owned(),
        ),
        (
            json!({"operationId": "ListCustomers"}),
            json!({}),
            "the module marked cannot be served: the module customer has an operation 'ListCustomers' already"
                .to_owned(),
        ),
    ]);
    let descriptions: Vec<(Value, Value)> = cases
        .iter()
        .map(|(operation, schemas, _)| (operation.clone(), schemas.clone()))
        .collect();
    let shop = shop(&descriptions);
    let before = document(&shop);
    let mut wrong = Vec::new();
    for (number, (.., reason)) in cases.iter().enumerate() {
        let answer = put(&shop, number);
        let said = answer.value()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if (answer.status, &said) != (400, reason) {
            wrong.push((answer.status, said, reason));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(document(&shop), before);
}
