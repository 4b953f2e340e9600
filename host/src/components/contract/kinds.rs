//! The parts of OpenAPI operations and JSON Schemas that the host takes over from a module: each
//! field with the type that its value has to have. What is not listed is dropped.

/// The type that a value has to have.
pub(super) enum Kind {
    /// Anything, as an example is. A `$ref` in it is dropped: tools follow it even there.
    Any,
    Text,
    Flag,
    Number,
    /// A whole number from 0.
    Count,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, or a list of some.
    Words(&'static [&'static str]),
    /// Tags: texts, but for the host's own.
    Tags,
    List(&'static Kind),
    /// An object with members of any name.
    Map(&'static Kind),
    /// An object with statuses as names.
    Responses,
    /// An object of links. Those that lead to no operation of the component's are dropped.
    Links,
    /// An object of which these members are taken, and of which these have to be there.
    Object(
        &'static [(&'static str, &'static Kind)],
        &'static [&'static str],
    ),
    /// A JSON Schema: true, false, or an object.
    Schema,
    /// A reference to a schema of the component's.
    Reference,
}

use Kind::{
    Any, Count, Flag, Links, List, Map as MapOf, Object, Reference, Responses, Schema, Tags, Text,
    Word, Words,
};

pub(super) static OPERATION: Kind = Object(
    &[
        ("tags", &Tags),
        ("summary", &Text),
        ("description", &Text),
        ("operationId", &Text),
        ("parameters", &List(&PARAMETER)),
        ("requestBody", &REQUEST_BODY),
        ("responses", &Responses),
        ("deprecated", &Flag),
    ],
    &[],
);

static PARAMETER: Kind = Object(
    &[
        ("name", &Text),
        ("in", &Word(&["query", "header", "path", "cookie"])),
        ("description", &Text),
        ("required", &Flag),
        ("deprecated", &Flag),
        ("allowEmptyValue", &Flag),
        ("style", &Text),
        ("explode", &Flag),
        ("allowReserved", &Flag),
        ("schema", &Schema),
        ("content", &CONTENT),
        ("example", &Any),
        ("examples", &MapOf(&EXAMPLE)),
    ],
    &["name", "in"],
);

static REQUEST_BODY: Kind = Object(
    &[
        ("description", &Text),
        ("required", &Flag),
        ("content", &CONTENT),
    ],
    &["content"],
);

pub(super) static RESPONSE: Kind = Object(
    &[
        ("description", &Text),
        ("headers", &MapOf(&HEADER)),
        ("content", &CONTENT),
        ("links", &Links),
    ],
    &[],
);

static HEADER: Kind = Object(
    &[
        ("description", &Text),
        ("required", &Flag),
        ("deprecated", &Flag),
        ("style", &Text),
        ("explode", &Flag),
        ("schema", &Schema),
        ("example", &Any),
        ("examples", &MapOf(&EXAMPLE)),
    ],
    &[],
);

static CONTENT: Kind = MapOf(&Object(
    &[
        ("schema", &Schema),
        ("example", &Any),
        ("examples", &MapOf(&EXAMPLE)),
    ],
    &[],
));

static EXAMPLE: Kind = Object(
    &[("summary", &Text), ("description", &Text), ("value", &Any)],
    &[],
);

pub(super) static LINK: Kind = Object(
    &[
        ("operationId", &Text),
        ("parameters", &MapOf(&Any)),
        ("requestBody", &Any),
        ("description", &Text),
    ],
    &[],
);

const TYPES: &[&str] = &[
    "null", "boolean", "object", "array", "number", "integer", "string",
];

pub(super) static SCHEMA: Kind = Object(
    &[
        ("$ref", &Reference),
        ("type", &Words(TYPES)),
        ("enum", &List(&Any)),
        ("const", &Any),
        ("title", &Text),
        ("description", &Text),
        ("default", &Any),
        ("example", &Any),
        ("examples", &List(&Any)),
        ("deprecated", &Flag),
        ("readOnly", &Flag),
        ("writeOnly", &Flag),
        ("format", &Text),
        ("pattern", &Text),
        ("minLength", &Count),
        ("maxLength", &Count),
        ("contentEncoding", &Text),
        ("contentMediaType", &Text),
        ("multipleOf", &Kind::Number),
        ("minimum", &Kind::Number),
        ("maximum", &Kind::Number),
        ("exclusiveMinimum", &Kind::Number),
        ("exclusiveMaximum", &Kind::Number),
        ("items", &Schema),
        ("prefixItems", &List(&Schema)),
        ("unevaluatedItems", &Schema),
        ("contains", &Schema),
        ("minContains", &Count),
        ("maxContains", &Count),
        ("minItems", &Count),
        ("maxItems", &Count),
        ("uniqueItems", &Flag),
        ("properties", &MapOf(&Schema)),
        ("patternProperties", &MapOf(&Schema)),
        ("additionalProperties", &Schema),
        ("unevaluatedProperties", &Schema),
        ("propertyNames", &Schema),
        ("required", &List(&Text)),
        ("dependentRequired", &MapOf(&List(&Text))),
        ("dependentSchemas", &MapOf(&Schema)),
        ("minProperties", &Count),
        ("maxProperties", &Count),
        ("allOf", &List(&Schema)),
        ("anyOf", &List(&Schema)),
        ("oneOf", &List(&Schema)),
        ("not", &Schema),
        ("if", &Schema),
        ("then", &Schema),
        ("else", &Schema),
        (
            "discriminator",
            &Object(
                &[("propertyName", &Text), ("mapping", &MapOf(&Reference))],
                &["propertyName"],
            ),
        ),
    ],
    &[],
);

impl Kind {
    /// Says what has to stand there.
    pub(super) fn wanted(&self) -> String {
        match self {
            Any => "a value".to_owned(),
            Text | Reference => "text".to_owned(),
            Flag => "true or false".to_owned(),
            Kind::Number => "a number".to_owned(),
            Count => "a whole number from 0".to_owned(),
            Word(words) => format!("one of {}", words.join(", ")),
            Words(words) => format!("one of {}, or a list of some", words.join(", ")),
            Tags => "a list of texts".to_owned(),
            List(_) => "a list".to_owned(),
            MapOf(_) | Responses | Links | Object(..) => "an object".to_owned(),
            Schema => "a JSON Schema".to_owned(),
        }
    }
}
