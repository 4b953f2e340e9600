//! Routes, requests and answers.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::bindings::http::exports::wares::module::http;
use crate::{Actor, Error, Query, panics};

/// The routes of a component.
///
/// ```no_run
/// use serde_json::{Value, json};
/// use wares_module::{Component, Error, Http, Request, Response, Route, settings};
///
/// struct Greeter;
/// wares_module::export!(Greeter: Http);
/// impl Component for Greeter {}
///
/// impl Http for Greeter {
///     fn routes() -> Vec<Route> {
///         vec![Route::get("/admin/greeter/{name}", greet).describe(described)]
///     }
/// }
///
/// fn greet(request: &Request) -> Result<Response, Error> {
///     let greeting = format!("Hello, {}!", request.parameter("name"));
///     Ok(Response::json(&json!({"greeting": greeting})))
/// }
///
/// fn described() -> Value {
///     json!({"operationId": "greet", "summary": "Greet a person", "responses": {"200": {"description": "Done"}}})
/// }
/// ```
pub trait Http {
    /// Returns all routes, always the same ones.
    fn routes() -> Vec<Route>;

    /// Returns the JSON Schemas, by their names, that the descriptions of the routes refer to as
    /// `#/components/schemas/NAME`. Two components have no name in common.
    fn schemas() -> Map<String, Value> {
        Map::new()
    }
}

/// What answers a request.
pub type Handler = fn(&Request) -> Result<Response, Error>;

/// A route with its handler.
pub struct Route {
    method: &'static str,
    path: &'static str,
    access: &'static str,
    headers: &'static [&'static str],
    description: Option<fn() -> Value>,
    handler: Handler,
}

impl Route {
    /// A route for users who are signed in and secret API keys, with the path's parameters in
    /// braces: `/admin/things/{id}`.
    pub fn new(method: &'static str, path: &'static str, handler: Handler) -> Self {
        Self {
            method,
            path,
            access: "admin",
            headers: &[],
            description: None,
            handler,
        }
    }

    /// A route that reads. It must not write: other pages can make a browser call it.
    pub fn get(path: &'static str, handler: Handler) -> Self {
        Self::new("GET", path, handler)
    }

    /// A route that writes.
    pub fn post(path: &'static str, handler: Handler) -> Self {
        Self::new("POST", path, handler)
    }

    /// A route that deletes.
    pub fn delete(path: &'static str, handler: Handler) -> Self {
        Self::new("DELETE", path, handler)
    }

    /// The same, for anyone, with or without credentials.
    #[must_use]
    pub fn anyone(mut self) -> Self {
        self.access = "anyone";
        self
    }

    /// The same, which sees these headers of requests, by their names in lower case.
    #[must_use]
    pub fn headers(mut self, headers: &'static [&'static str]) -> Self {
        self.headers = headers;
        self
    }

    /// The same, described by an OpenAPI 3.1 operation object in the host's `/openapi.json`.
    #[must_use]
    pub fn describe(mut self, description: fn() -> Value) -> Self {
        self.description = Some(description);
        self
    }
}

/// A request to one of the routes.
#[derive(Debug)]
pub struct Request {
    path: &'static str,
    parameters: Vec<String>,
    query: String,
    headers: Vec<http::Header>,
    body: Vec<u8>,
    /// Who makes it; always there on a route that is not for anyone.
    pub actor: Option<Actor>,
    /// As it stands in every line of the log that belongs to the request.
    pub id: String,
}

impl Request {
    /// What stood for `{name}` in the path.
    ///
    /// # Panics
    /// When the route's path has no such parameter.
    pub fn parameter(&self, name: &str) -> &str {
        let mut names = self.path.split('/').filter_map(|segment| {
            let inner = segment.strip_prefix('{')?;
            inner.strip_suffix('}')
        });
        let index = names.position(|other| other == name);
        index
            .and_then(|index| self.parameters.get(index))
            .unwrap_or_else(|| panic!("the path {} has no parameter {name}", self.path))
    }

    /// The parameters of the query.
    ///
    /// # Errors
    /// The parameter that cannot be decoded.
    pub fn query(&self) -> Result<Query, Error> {
        Query::parse(&self.query)
    }

    /// The body, as a type of the author's or as a [`Value`].
    ///
    /// # Errors
    /// What is wrong with the body, if it is not of this form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let read = match &*self.body {
            [] => Err("a body is missing".to_owned()),
            body => serde_json::from_slice(body).map_err(|error| error.to_string()),
        };
        read.map_err(|why| Error::invalid(format!("Invalid request: {why}")))
    }

    /// A header that the route asked for, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let header = headers.find(|header| header.name == name)?;
        Some(&header.value)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 200 to 599.
    pub status: u16,
    /// Names in lower case, with values. Without a `content-type` the body is JSON.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// 200 with a JSON body.
    ///
    /// # Panics
    /// When the value cannot be JSON, as a map whose keys are no texts.
    ///
    /// ```
    /// use serde_json::json;
    /// use wares_module::Response;
    ///
    /// let made = Response::json(&json!({"id": "thing_1"}))
    ///     .status(201)
    ///     .header("location", "/admin/things/thing_1");
    /// assert_eq!((made.status, &*made.body), (201, &br#"{"id":"thing_1"}"#[..]));
    /// ```
    pub fn json(value: &(impl Serialize + ?Sized)) -> Self {
        let body = serde_json::to_vec(value);
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.unwrap_or_else(|error| panic!("an answer cannot be JSON: {error}")),
        }
    }

    /// The same with another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with a header more.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl<C: Http> http::Guest for C {
    fn routes() -> Vec<http::Route> {
        panics::report();
        let routes = <C as Http>::routes().into_iter();
        routes.map(declared).collect()
    }

    fn schemas() -> String {
        panics::report();
        match <C as Http>::schemas() {
            schemas if schemas.is_empty() => String::new(),
            schemas => Value::from(schemas).to_string(),
        }
    }

    fn handle(request: http::Request) -> http::Response {
        panics::report();
        let mut routes = <C as Http>::routes().into_iter();
        let route = routes
            .nth(request.route as usize)
            .expect("the host knows the routes of this version");
        let request = received(&route, request);
        let response = (route.handler)(&request).unwrap_or_else(Response::from);
        sent(response)
    }
}

fn declared(route: Route) -> http::Route {
    http::Route {
        method: route.method.to_owned(),
        path: route.path.to_owned(),
        access: route.access.to_owned(),
        headers: route
            .headers
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        operation: route
            .description
            .map_or_else(String::new, |description| description().to_string()),
    }
}

fn received(route: &Route, request: http::Request) -> Request {
    Request {
        path: route.path,
        parameters: request.path_parameters,
        query: request.query,
        headers: request.headers,
        body: request.body,
        actor: request.actor.map(|actor| Actor {
            kind: actor.kind,
            id: actor.id,
        }),
        id: request.request_id,
    }
}

fn sent(response: Response) -> http::Response {
    let headers = response.headers.into_iter();
    http::Response {
        status: response.status,
        headers: headers
            .map(|(name, value)| http::Header { name, value })
            .collect(),
        body: response.body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Answers with all that it was asked.
    fn echo(request: &Request) -> Result<Response, Error> {
        let body: Value = request.json()?;
        let query = request.query()?;
        Ok(Response::json(&json!({
            "shelf": request.parameter("shelf"),
            "id": request.parameter("id"),
            "limit": query.read::<u32>("limit")?,
            "agent": request.header("user-agent"),
            "actor": request.actor.as_ref().map(|actor| &actor.id),
            "body": body,
        })))
    }

    struct Echo;

    impl Http for Echo {
        fn routes() -> Vec<Route> {
            let shelf = "/store/shelves/{shelf}/things/{id}";
            vec![
                Route::get("/admin/things", |_| Err(Error::not_found("None"))),
                Route::post(shelf, echo)
                    .anyone()
                    .headers(&["user-agent"])
                    .describe(|| json!({"summary": "Echo"})),
            ]
        }
    }

    fn call(route: u32, query: &str, body: &str) -> (u16, Value) {
        let answer = <Echo as http::Guest>::handle(http::Request {
            route,
            path_parameters: vec!["upper".to_owned(), "1".to_owned()],
            query: query.to_owned(),
            headers: vec![http::Header {
                name: "user-agent".to_owned(),
                value: "curl".to_owned(),
            }],
            body: body.as_bytes().to_vec(),
            actor: Some(http::Actor {
                kind: "user".to_owned(),
                id: "user_1".to_owned(),
            }),
            request_id: "1".to_owned(),
        });
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    #[test]
    fn a_route_is_declared_as_it_was_written() {
        let routes = <Echo as http::Guest>::routes();
        let shown = |route: &http::Route| {
            let http::Route {
                method,
                path,
                access,
                headers,
                operation,
            } = route;
            format!("{method} {path} {access} {headers:?} {operation}")
        };
        let shown: Vec<String> = routes.iter().map(shown).collect();
        assert_eq!(
            shown,
            [
                r#"GET /admin/things admin [] "#,
                r#"POST /store/shelves/{shelf}/things/{id} anyone ["user-agent"] {"summary":"Echo"}"#,
            ]
        );
        assert_eq!(<Echo as http::Guest>::schemas(), "");
    }

    #[test]
    fn a_handler_reads_what_was_asked() {
        let (status, answer) = call(1, "limit=7", r#"{"name": "Mug"}"#);
        assert_eq!(status, 200);
        assert_eq!(
            answer,
            json!({
                "shelf": "upper", "id": "1", "limit": 7, "agent": "curl", "actor": "user_1",
                "body": {"name": "Mug"}
            })
        );
    }

    #[test]
    fn what_a_handler_cannot_read_is_a_refusal_that_says_why() {
        assert_eq!(
            call(0, "", ""),
            (404, json!({"type": "not_found", "message": "None"}))
        );
        let (status, answer) = call(1, "limit=x", "{}");
        assert_eq!(status, 400);
        assert_eq!(
            answer,
            json!({
                "type": "invalid_data", "field": "limit",
                "message": "Parameter 'limit' cannot be 'x': invalid digit found in string"
            })
        );
        assert_eq!(
            call(1, "", "").1["message"],
            "Invalid request: a body is missing"
        );
        let (status, answer) = call(1, "", "{");
        assert_eq!(status, 400);
        let said = answer["message"].as_str().unwrap();
        assert!(
            said.starts_with("Invalid request: EOF while parsing"),
            "{said}"
        );
    }

    #[test]
    #[should_panic = "the path /admin/{id} has no parameter name"]
    fn a_parameter_that_no_path_has_is_a_fault_of_the_author() {
        let route = Route::get("/admin/{id}", echo);
        let request = Request {
            path: route.path,
            parameters: vec!["1".to_owned()],
            query: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
            actor: None,
            id: String::new(),
        };
        request.parameter("name");
    }
}
