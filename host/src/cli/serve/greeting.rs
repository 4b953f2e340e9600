//! The greeting of a host that serves, as text or as JSON.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::json;

use crate::cli::{json_out, text_out};
use crate::identity::FirstAdmin;

/// Returns the address at which a command on this machine finds the host.
pub(super) fn nearest(addresses: &[SocketAddr]) -> SocketAddr {
    let is_far = |ip: IpAddr| !ip.is_loopback() && !ip.is_unspecified();
    let nearest = addresses.iter().copied();
    nearest
        .min_by_key(|address| (is_far(address.ip()), address.is_ipv6()))
        .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// The first output of a host that serves: its address and, once, the first admin.
pub(super) struct Greeting<'a> {
    pub(super) addresses: &'a [SocketAddr],
    pub(super) admin: &'a FirstAdmin,
    pub(super) first_list: Option<&'a str>,
}

impl Greeting<'_> {
    /// The host and port to open on this machine.
    fn host(&self) -> String {
        let address = nearest(self.addresses);
        if address.ip().is_unspecified() || address.ip().is_loopback() {
            format!("localhost:{}", address.port())
        } else {
            address.to_string()
        }
    }

    pub(super) fn as_text(&self) -> anyhow::Result<()> {
        let host = self.host();
        let mut out = text_out();
        writeln!(out, "Wares serves http://{host}")?;
        if let FirstAdmin::Created { email, password } = self.admin {
            writeln!(out, "\nThe first admin is {email}")?;
            if let Some(password) = password {
                writeln!(
                    out,
                    "with the password {password}, which is shown only now."
                )?;
                if let Some(path) = self.first_list {
                    writeln!(out, "\nTry it:\n{}", curl(&host, email, password, path))?;
                }
            }
        }
        Ok(out.flush()?)
    }

    /// A line of the log, and one on standard output, which alone has the password.
    pub(super) fn as_json(&self) -> anyhow::Result<()> {
        let url = format!("http://{}", self.host());
        let listening: Vec<String> = self.addresses.iter().map(SocketAddr::to_string).collect();
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(url, listening = listening.join(", "), version, "serving");
        let mut line = json!({
            "message": format!("Wares serves {url}"),
            "url": url,
            "listening": listening,
            "version": version,
        });
        if let FirstAdmin::Created { email, password } = self.admin {
            line["first_admin"] = json!({"email": email, "password": password});
        }
        let mut out = json_out();
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }
}

/// Returns a command that signs in and retrieves a list.
fn curl(host: &str, email: &str, password: &str, path: &str) -> String {
    let body = json!({"email": email, "password": password});
    format!(
        "curl -s http://{host}{path} -H \"Authorization: Bearer $(curl -s http://{host}/auth/user/emailpass \
         -H 'Content-Type: application/json' -d '{body}' | cut -d '\"' -f 4)\""
    )
}

#[cfg(test)]
mod tests {
    use super::{FirstAdmin, Greeting, SocketAddr, curl, nearest};

    #[test]
    fn a_command_takes_the_nearest_address_and_shows_the_name_of_this_machine() {
        for (addresses, expected, host) in [
            (&["127.0.0.1:9000"][..], "127.0.0.1:9000", "localhost:9000"),
            (&["[::1]:9000"], "[::1]:9000", "localhost:9000"),
            (&["[::]:80", "0.0.0.0:81"], "0.0.0.0:81", "localhost:81"),
            (&["192.0.2.1:80", "[::1]:81"], "[::1]:81", "localhost:81"),
            (
                &["[2001:db8::1]:80", "192.0.2.1:81"],
                "192.0.2.1:81",
                "192.0.2.1:81",
            ),
            (
                &["[2001:db8::1]:80"],
                "[2001:db8::1]:80",
                "[2001:db8::1]:80",
            ),
            (&[], "127.0.0.1:0", "localhost:0"),
        ] {
            let addresses: Vec<SocketAddr> = addresses
                .iter()
                .map(|address| address.parse().unwrap())
                .collect();
            assert_eq!(nearest(&addresses).to_string(), expected, "{addresses:?}");
            let greeting = Greeting {
                addresses: &addresses,
                admin: &FirstAdmin::Existing,
                first_list: None,
            };
            assert_eq!(greeting.host(), host, "{addresses:?}");
        }
    }

    #[test]
    fn the_command_to_try_signs_in_and_retrieves_the_list() {
        assert_eq!(
            curl(
                "localhost:9000",
                "ann@shop.example",
                "secret",
                "/admin/things"
            ),
            "curl -s http://localhost:9000/admin/things -H \"Authorization: Bearer $(curl -s \
             http://localhost:9000/auth/user/emailpass -H 'Content-Type: application/json' \
             -d '{\"email\":\"ann@shop.example\",\"password\":\"secret\"}' | cut -d '\"' -f 4)\""
        );
    }
}
