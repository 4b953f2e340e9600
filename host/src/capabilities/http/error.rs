//! Why a request has no answer.

/// The kind of a failure, as its name in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The operator grants no destination that has it.
    NotGranted,
    /// Requests are not sent from here: in a call that another component waits for, in a
    /// transaction, while a component is asked about itself.
    NotHere,
    /// The request is malformed.
    Invalid,
    /// The name belongs to an address that is not public.
    AddressRefused,
    /// No connection came about.
    Unreachable,
    /// The server's certificate is not valid for it, or its TLS is not usable.
    Certificate,
    /// The time is over.
    Timeout,
    /// The request or the answer is larger than a limit.
    TooLarge,
    /// The call has sent as many as it may, or the component has as many under way.
    TooMany,
    /// The server does not speak HTTP/1.1 as it should.
    Protocol,
}

impl Code {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NotGranted => "not-granted",
            Self::NotHere => "not-here",
            Self::Invalid => "invalid",
            Self::AddressRefused => "address-refused",
            Self::Unreachable => "unreachable",
            Self::Certificate => "certificate",
            Self::Timeout => "timeout",
            Self::TooLarge => "too-large",
            Self::TooMany => "too-many",
            Self::Protocol => "protocol",
        }
    }
}

/// A request without an answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Failure {
    pub(super) code: Code,
    /// For the component and the log: no part of a secret, and no part of a body.
    pub(super) message: String,
    /// Whether the server may have got the request.
    pub(super) may_have_arrived: bool,
}

impl Failure {
    /// A failure of a request that did not reach the server.
    pub(super) fn new(code: Code, message: String) -> Self {
        Self {
            code,
            message,
            may_have_arrived: false,
        }
    }

    /// The same of one that may have.
    pub(super) fn sent(mut self) -> Self {
        self.may_have_arrived = true;
        self
    }
}
