//! The event that is taken, and the request that is sent for it.

use wares_module::customer::{Error, customers};
use wares_module::serde_json::json;
use wares_module::{Component, Event, Subscriber, info, outbound, settings, warn};

use crate::mail::{self, Outcome};

struct WelcomeMail;

wares_module::export!(WelcomeMail: Subscriber);

impl Component for WelcomeMail {
    const SETTINGS: &'static [&'static str] = mail::SETTINGS;

    fn faults(given: &[(String, String)]) -> Vec<String> {
        mail::faults(given)
    }
}

impl Subscriber for WelcomeMail {
    const NAMES: &'static [&'static str] = &["customer.created"];

    fn handle(event: Event) -> Result<(), String> {
        let customer = match customers::retrieve(&event.key) {
            Ok(customer) => customer,
            // Deleted meanwhile.
            Err(Error::NotFound(_)) => return Ok(()),
            Err(error) => {
                return Err(format!(
                    "the customer {} cannot be read: {error:?}",
                    event.key
                ));
            }
        };
        let Some(email) = customer.email else {
            return Ok(());
        };
        let secret = outbound::secret("token");
        let secret =
            secret.ok_or("the secret 'token' is not set: modules.welcome-mail.secrets.token")?;
        let url = settings::get(mail::URL).unwrap_or_default();
        let template = settings::get(mail::TEMPLATE).unwrap_or_else(|| "welcome".to_owned());
        let answer = outbound::Request::post(url)
            .header("authorization", format!("Bearer {secret}"))
            // The same for every attempt: the service sends one mail.
            .header("idempotency-key", &*event.id)
            .json(&json!({"to": email, "template": template, "name": customer.first_name}))
            .send()
            .map_err(|error| format!("{}: {}", error.code, error.message))?;
        match mail::outcome(answer.status) {
            Outcome::Sent => info!("a mail to the customer {} is on its way", event.key),
            Outcome::Never => warn!(
                "the service refuses a mail to the customer {}: {}",
                event.key, answer.status
            ),
            Outcome::Later => return Err(format!("the mail service answers {}", answer.status)),
        }
        Ok(())
    }
}
