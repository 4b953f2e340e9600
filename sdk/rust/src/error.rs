//! Why a request is not answered as it was asked, in the form of the host's own errors.

use std::fmt;

use serde_json::Value;

use crate::http::Response;
use crate::sql::{self, Cause};
use crate::{Level, Rejection, log};

/// Why a request is not answered as it was asked: `{"type": …, "message": …}` with a status.
/// Handlers return it by `?`: it is made from errors of `sql`, and from rejections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    status: u16,
    kind: &'static str,
    message: String,
    field: Option<String>,
    code: Option<String>,
}

impl Error {
    /// 400: the request breaks a rule. The message is for the person who asked.
    ///
    /// ```
    /// use wares_module::{Error, Response};
    ///
    /// let error = Error::invalid("Field 'points' must be at most 100").field("points");
    /// let answer = Response::from(error);
    /// assert_eq!(answer.status, 400);
    /// assert_eq!(
    ///     String::from_utf8(answer.body).unwrap(),
    ///     r#"{"type":"invalid_data","message":"Field 'points' must be at most 100","field":"points"}"#
    /// );
    /// ```
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_data", message)
    }

    /// 404: no such thing, or it is deleted.
    ///
    /// ```
    /// let error = wares_module::Error::not_found("Account id not found: acc_1");
    /// assert_eq!(wares_module::Response::from(error).status, 404);
    /// ```
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "not_found", message)
    }

    /// 503: it cannot be served now, and is worth trying again.
    ///
    /// ```
    /// let error = wares_module::Error::unavailable("The warehouse does not answer, try again");
    /// assert_eq!(wares_module::Response::from(error).status, 503);
    /// ```
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "unavailable", message)
    }

    /// 500: a fault of the component's own. Its text is for the log, and not in the answer.
    ///
    /// ```no_run
    /// wares_module::Error::internal("the total of order_1 is negative");
    /// ```
    pub fn internal(text: impl Into<String>) -> Self {
        Self::new(500, "unknown_error", text)
    }

    /// Any other status, with the name of its kind for programs.
    ///
    /// ```
    /// let error = wares_module::Error::new(409, "conflict", "It is being changed by another");
    /// assert_eq!(error.to_string(), "It is being changed by another");
    /// ```
    pub fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
            field: None,
            code: None,
        }
    }

    /// The same, about a field of the request.
    ///
    /// ```
    /// wares_module::Error::invalid("Field 'points' is required").field("points");
    /// ```
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The same, with a name of the reason for programs.
    ///
    /// ```
    /// wares_module::Error::invalid("There are 3 points").code("too_few_points");
    /// ```
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// What the caller can do something about is said, all else is for the log.
impl From<sql::Error> for Error {
    fn from(error: sql::Error) -> Self {
        match error.cause {
            Cause::Busy => Self::unavailable(
                "Others write to the database, and this had to wait too long for its turn: nothing was changed, try again",
            ),
            Cause::Timeout => Self::unavailable("The database took too long, try again"),
            Cause::Unavailable(text) => Self::unavailable(text),
            Cause::LimitExceeded(text) => {
                Self::invalid(format!("That asks for too much at once: {text}"))
            }
            _ => Self::internal(error.to_string()),
        }
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        let mut error = Self::invalid(rejection.message);
        error.field = rejection.field;
        error.code = rejection.code;
        error
    }
}

impl From<Error> for Response {
    /// Logs a fault of the component's own.
    fn from(error: Error) -> Self {
        let message = if error.status == 500 {
            log::write(Level::Error, "answer", &error.message);
            "An unknown error occurred.".to_owned()
        } else {
            error.message
        };
        let text = |text: &str| Value::from(text).to_string();
        let mut body = format!(
            r#"{{"type":{},"message":{}"#,
            text(error.kind),
            text(&message)
        );
        for (key, value) in [("field", error.field), ("code", error.code)] {
            if let Some(value) = value {
                body += &format!(r#","{key}":{}"#, text(&value));
            }
        }
        body.push('}');
        Self {
            status: error.status,
            headers: Vec::new(),
            body: body.into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_database_is_what_callers_can_do_about_it() {
        let error = |cause| {
            Error::from(sql::Error {
                cause,
                statement: "select 1".to_owned(),
            })
        };
        let busy = error(Cause::Busy);
        assert_eq!((busy.status, busy.kind), (503, "unavailable"));
        let many = error(Cause::LimitExceeded("at most 100000 rows".to_owned()));
        assert_eq!(
            many,
            Error::invalid("That asks for too much at once: at most 100000 rows")
        );
        let wrong = error(Cause::Invalid("no such table: points".to_owned()));
        assert_eq!(
            wrong,
            Error::internal("the statement `select 1` is not taken: no such table: points")
        );
    }

    #[test]
    fn a_rejection_keeps_its_field_and_code() {
        let error = Error::from(Rejection::new("No").field("email").code("never"));
        assert_eq!(error, Error::invalid("No").field("email").code("never"));
    }
}
